package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.data.Question;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.loss.HeadLoss;
import dev.finetune.trainer.loss.HeadProblem;
import dev.finetune.trainer.loss.OneLabel;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.source.Sources;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says what a classifier makes of texts. */
@Command(
    name = "classify",
    mixinStandardHelpOptions = true,
    description =
        "Predicts the labels or the number of texts with an adapter of a classifier; prints a JSON"
            + " object a line.")
final class ClassifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BaseModelOptions models = new BaseModelOptions();

  @Option(
      names = "--text",
      paramLabel = "TEXT",
      description =
          "A text; of TokenClassification its words, separated by spaces. May be repeated.")
  private List<String> texts = List.of();

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "A file with a text on each line: a path, or a URI with file: or s3:.")
  private @Nullable String data;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Tokens at which a text is cut. Default: 1024.")
  private int maxLength = 1024;

  @Override
  public Integer call() throws IOException {
    if (texts.isEmpty() == (data == null)) {
      throw new InvalidConfiguration("--text: must be given, or --data, and not both");
    }
    if (maxLength < 1) {
      throw new InvalidConfiguration("--max-length: must be at least 1, was " + maxLength);
    }
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println);
        BaseModelOptions.Loaded loaded = models.loadAny(sources)) {
      Classifier classifier = loaded.classifier();
      if (classifier == null || loaded.adapter() == null) {
        throw new InvalidConfiguration(
            "--adapter: must be the adapter of a classifier, of task_type SEQ_CLS or TOKEN_CLS");
      }
      HeadLoss head = loaded.model().headLoss(loaded.adapter(), classifier.problem());
      if (data == null) {
        texts.forEach(text -> answer(loaded, head, classifier, text));
      } else {
        answerLines(loaded, head, classifier, BaseModelOptions.fetch(sources, "--data", data));
      }
    }
    return ExitCode.DONE.code();
  }

  private void answerLines(
      BaseModelOptions.Loaded loaded, HeadLoss head, Classifier classifier, Path file)
      throws IOException {
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      String line = lines.readLine();
      while (line != null) {
        if (!line.isBlank()) {
          answer(loaded, head, classifier, line);
        }
        line = lines.readLine();
      }
    }
  }

  private void answer(
      BaseModelOptions.Loaded loaded, HeadLoss head, Classifier classifier, String text) {
    Question question =
        switch (classifier.labels().task()) {
          case SEQUENCE_CLASSIFICATION -> Question.ofText(loaded.base().tokenizer(), text);
          case TOKEN_CLASSIFICATION -> Question.ofWords(loaded.base().tokenizer(), text);
          case CAUSAL_LM -> throw new IllegalStateException("a classifier of no task");
        };
    Question cut = question.truncated(maxLength);
    if (cut.places().length == 0) {
      throw new UnreadableData("expected a text with at least one token, found '" + text + "'");
    }
    double[][] logits;
    MicroBatch batch = MicroBatch.continuing(cut.ids(), 0);
    try (DecoderModel.Forward forward =
        loaded.model().forward(batch, loaded.adapter(), null, Tape.discarding())) {
      logits = head.logits(forward.hidden(), cut.places());
    }
    List<Map<String, Object>> said = new ArrayList<>();
    for (int i = 0; i < logits.length; i++) {
      Map<String, Object> answer = said(classifier, logits[i]);
      answer.put("text", cut.texts().get(i));
      said.add(answer);
    }
    for (Map<String, Object> answer : said) {
      spec.commandLine().getOut().println(RunJson.writeLine(answer));
    }
  }

  private static Map<String, Object> said(Classifier classifier, double[] logits) {
    HeadProblem problem = classifier.problem();
    List<String> labels = classifier.labels().labels();
    double[] prediction = problem.prediction(logits);
    Map<String, Object> answer = new LinkedHashMap<>();
    switch (classifier.labels().problem()) {
      case SINGLE_LABEL -> {
        int likeliest = OneLabel.likeliest(prediction);
        answer.put("label", labels.get(likeliest));
        answer.put("probability", prediction[likeliest]);
      }
      case MULTI_LABEL -> {
        Map<String, Double> probabilities = new LinkedHashMap<>();
        for (int i = 0; i < prediction.length; i++) {
          if (prediction[i] > 0.5) {
            probabilities.put(labels.get(i), prediction[i]);
          }
        }
        answer.put("labels", probabilities);
      }
      case REGRESSION -> answer.put("number", prediction[0]);
    }
    return answer;
  }
}
