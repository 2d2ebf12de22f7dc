package dev.finetune.trainer.recipe;

import dev.finetune.api.run.Sample;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.Evaluation;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.data.AlpacaPrompt;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.generate.GreedyGenerator;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Answers to the prompts of a job, with the likeliest token each time: nothing is drawn, so they
 * change no other number of the run.
 *
 * @param prompts what is asked, as the job has it
 * @param tokens the prompts as the model is asked them
 * @param most most tokens of an answer
 */
record SampleAnswers(List<String> prompts, List<int[]> tokens, int most) {
  /** Characters of a prompt and of an answer that are kept. */
  private static final int MOST_PROMPT = 400;

  private static final int MOST_ANSWER = 2000;

  private static final String FIELD = "spec.evaluation.prompts";

  /**
   * Prepares the prompts of a job, perhaps none.
   *
   * @param positions most tokens that the model takes
   * @throws InvalidConfiguration if the task has no answers, or a prompt leaves no room for one
   */
  static SampleAnswers of(FineTuneJobSpec spec, Tokenizer tokenizer, int positions) {
    Evaluation evaluation = spec.evaluation();
    List<String> prompts =
        evaluation == null || evaluation.prompts() == null ? List.of() : evaluation.prompts();
    if (!prompts.isEmpty() && spec.task() != Task.CAUSAL_LM) {
      throw new InvalidConfiguration(
          FIELD + ": needs task CausalLM, since only that gives answers, was " + spec.task());
    }
    int most = evaluation == null ? 1 : evaluation.answerTokens();
    List<int[]> tokens = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      int[] ids = ids(tokenizer, text(spec.datasetFormat(), prompts.get(i)));
      if (ids.length == 0 || ids.length + most > positions) {
        throw new InvalidConfiguration(
            "%s[%d]: must have 1 to %d tokens, so that %d of an answer follow, has %d"
                .formatted(FIELD, i, positions - most, most, ids.length));
      }
      tokens.add(ids);
    }
    return new SampleAnswers(prompts, List.copyOf(tokens), most);
  }

  /** A prompt is asked in the form that the model is trained in. */
  private static String text(DatasetFormat format, String prompt) {
    return format == DatasetFormat.ALPACA ? AlpacaPrompt.of(prompt, "") : prompt;
  }

  private static int[] ids(Tokenizer tokenizer, String text) {
    int[] ids = tokenizer.encode(text);
    if (!tokenizer.addsBos()) {
      return ids;
    }
    int[] withBos = new int[ids.length + 1];
    withBos[0] = tokenizer.bosId().orElseThrow();
    System.arraycopy(ids, 0, withBos, 1, ids.length);
    return withBos;
  }

  /** Returns whether there is nothing to ask. */
  boolean isEmpty() {
    return prompts.isEmpty();
  }

  /**
   * Answers the prompts.
   *
   * @param stop asked before each prompt
   * @return empty if {@code stop} said so
   */
  Optional<List<Sample>> answer(
      GreedyGenerator generator, Tokenizer tokenizer, BooleanSupplier stop) {
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      if (stop.getAsBoolean()) {
        return Optional.empty();
      }
      int[] answer = generator.generate(tokens.get(i), most, id -> id == tokenizer.eosId());
      samples.add(
          new Sample(
              cut(prompts.get(i), MOST_PROMPT), cut(tokenizer.decode(answer, true), MOST_ANSWER)));
    }
    return Optional.of(List.copyOf(samples));
  }

  private static String cut(String text, int most) {
    return text.codePointCount(0, text.length()) <= most
        ? text
        : text.substring(0, text.offsetByCodePoints(0, most)) + "...";
  }
}
