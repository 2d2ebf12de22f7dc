package dev.finetune.trainer.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything that the report of a run shows. Texts may come from anywhere: they are escaped and cut
 * where they are shown. A part that is null, or a list that is empty, was not measured, and its
 * section says so or is left out.
 *
 * @param headline what was trained and how good it is
 * @param steps the steps of the run, ascending
 * @param evaluations measurements on held-out rows, ascending
 * @param memory the plan against what was measured
 * @param data what reading the data came to
 * @param quality metrics of the task on held-out rows
 * @param samples answers to fixed prompts
 * @param forgetting the loss on general text
 * @param rows training rows that stand out
 * @param provenance of what it was made, and how
 */
public record ReportData(
    Headline headline,
    List<Step> steps,
    List<Evaluation> evaluations,
    @Nullable Memory memory,
    List<DataSet> data,
    @Nullable Quality quality,
    List<Sample> samples,
    @Nullable Forgetting forgetting,
    @Nullable Rows rows,
    Provenance provenance) {
  /** Copies the lists. */
  public ReportData {
    steps = List.copyOf(steps);
    evaluations = List.copyOf(evaluations);
    data = List.copyOf(data);
    samples = List.copyOf(samples);
  }

  /** A name and what it stands for. */
  public record Fact(String name, String value) {}

  /**
   * What was trained and how good it is.
   *
   * @param job name of the job
   * @param task name of the task
   * @param method LoRA or QLoRA
   * @param model the base model
   * @param unit what a loss is counted in, such as {@code nats per token}
   * @param likelihood whether the loss is one of language, so that its exponential is a perplexity
   * @param lossBefore held-out loss before training
   * @param lossAfter held-out loss of what is delivered
   * @param words sentences about how the training went
   */
  public record Headline(
      String job,
      String task,
      String method,
      String model,
      String unit,
      boolean likelihood,
      @Nullable Double lossBefore,
      @Nullable Double lossAfter,
      List<String> words) {
    /** Copies the list. */
    public Headline {
      words = List.copyOf(words);
    }
  }

  /**
   * An optimizer step.
   *
   * @param step its number, from 1
   * @param loss training loss
   * @param learningRate rate of the update
   * @param gradientNorm L2 norm before clipping
   * @param tokens tokens of the global batch
   * @param learned tokens, or labels, that were learned
   * @param seconds time that it took
   */
  public record Step(
      int step,
      double loss,
      double learningRate,
      double gradientNorm,
      int tokens,
      int learned,
      double seconds) {}

  /**
   * A measurement on held-out rows.
   *
   * @param step steps completed, 0 before training
   * @param loss held-out loss
   */
  public record Evaluation(int step, double loss) {}

  /**
   * Memory in bytes.
   *
   * @param bars predicted and measured values of the same thing, one after the other
   * @param limit what may be used
   * @param limitSource who sets the limit
   * @param parts what the prediction is made of, at its worst moment
   * @param moment that moment
   * @param remarks sentences about the plan
   */
  public record Memory(
      List<Bar> bars,
      long limit,
      String limitSource,
      List<Part> parts,
      String moment,
      List<String> remarks) {
    /** Copies the lists. */
    public Memory {
      bars = List.copyOf(bars);
      parts = List.copyOf(parts);
      remarks = List.copyOf(remarks);
    }

    /**
     * What was predicted and what was measured.
     *
     * @param measured in bytes, or null if the system does not tell
     */
    public record Bar(String name, long predicted, @Nullable Long measured) {}

    /** Memory for one purpose. */
    public record Part(String name, long bytes) {}
  }

  /**
   * A data set as it was read.
   *
   * @param name what it is for
   * @param facts numbers of it
   * @param findings what was noticed
   */
  public record DataSet(String name, List<Fact> facts, List<Finding> findings) {
    /** Copies the lists. */
    public DataSet {
      facts = List.copyOf(facts);
      findings = List.copyOf(findings);
    }

    /**
     * Something that was noticed.
     *
     * @param what it is
     * @param count how many rows
     * @param rows some of them
     */
    public record Finding(String what, long count, String rows) {}
  }

  /**
   * Metrics of the task on held-out rows.
   *
   * @param scores one number each
   * @param classes by class, perhaps none
   * @param confusion of classes, or null
   */
  public record Quality(
      List<Score> scores, List<ClassScore> classes, @Nullable Confusion confusion) {
    /** Copies the lists. */
    public Quality {
      scores = List.copyOf(scores);
      classes = List.copyOf(classes);
    }

    /**
     * A metric.
     *
     * @param before of the base model, or null
     * @param after of what is delivered
     * @param low lower end of the confidence interval, or null
     * @param high upper end, or null
     */
    public record Score(
        String name,
        @Nullable Double before,
        double after,
        @Nullable Double low,
        @Nullable Double high) {}

    /** Metrics of a class; support is the number of rows that have it. */
    public record ClassScore(
        String label, double precision, double recall, double f1, long support) {}

    /**
     * How often a class was taken for another.
     *
     * @param labels the classes
     * @param counts a row for each true class, with a number for each predicted one
     */
    public record Confusion(List<String> labels, List<List<Long>> counts) {
      /** Copies the lists. */
      public Confusion {
        labels = List.copyOf(labels);
        counts = counts.stream().map(List::copyOf).toList();
      }
    }
  }

  /** A prompt and its answers, ascending by step. */
  public record Sample(String prompt, List<Answer> answers) {
    /** Copies the list. */
    public Sample {
      answers = List.copyOf(answers);
    }

    /** What the model of a step answered; step 0 is the base model. */
    public record Answer(int step, String text) {}
  }

  /**
   * The loss on general text that is never trained on.
   *
   * @param losses ascending by step
   * @param allowed by how much it may grow, or null
   * @param words what was made of it
   */
  public record Forgetting(List<Evaluation> losses, @Nullable Double allowed, List<String> words) {
    /** Copies the lists. */
    public Forgetting {
      losses = List.copyOf(losses);
      words = List.copyOf(words);
    }
  }

  /**
   * Training rows that stand out by their loss.
   *
   * @param suspects those whose label is likely wrong
   * @param hardest those with the highest loss when last seen
   * @param seen how many rows were trained on
   * @param remark what is to be known of the lists, or null
   */
  public record Rows(List<Row> suspects, List<Row> hardest, long seen, @Nullable String remark) {
    /** Copies the lists. */
    public Rows {
      suspects = List.copyOf(suspects);
      hardest = List.copyOf(hardest);
    }

    /**
     * A row.
     *
     * @param number its number in the data set, from 0
     * @param given what the model is given
     * @param learned what it is to say
     * @param terms tokens, or labels, that are learned
     * @param first loss when it was first seen
     * @param last loss when it was last seen
     * @param mean loss over all times
     * @param times how often it was seen
     */
    public record Row(
        long number,
        String given,
        String learned,
        int terms,
        double first,
        double last,
        double mean,
        int times) {}
  }

  /**
   * Of what a run was made, and how.
   *
   * @param sources which bytes were read
   * @param computation how it was computed
   * @param configuration the job as YAML, without secrets
   */
  public record Provenance(List<Origin> sources, List<Fact> computation, String configuration) {
    /** Copies the lists. */
    public Provenance {
      sources = List.copyOf(sources);
      computation = List.copyOf(computation);
    }

    /**
     * Bytes that were read.
     *
     * @param field the field of the job
     * @param uri as written there
     * @param digest digest of the bytes
     * @param bytes how many
     */
    public record Origin(String field, String uri, String digest, long bytes) {}
  }
}
