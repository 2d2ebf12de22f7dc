package dev.finetune.trainer.data;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.DataSource;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The file beside an adapter that says in what form it was asked in training, so that it can be
 * asked in the same.
 *
 * @param name name of the file
 * @param content its text
 */
public record PromptFile(String name, String content) {
  /** Name of the file for conversations, which the Hugging Face libraries read. */
  public static final String CHAT = "chat_template.jinja";

  /** Name of the file for other prompts. */
  public static final String PROMPT = "prompt_template.json";

  private static final String INSTRUCTION = "{instruction}";
  private static final String INPUT = "{input}";

  /** Returns the file for rows of some rules; none for a format without prompts. */
  public static Optional<PromptFile> of(RowRules rules, Tokenizer tokenizer) {
    return switch (rules.format()) {
      case CHAT -> Optional.of(new PromptFile(CHAT, rules.template(tokenizer).text()));
      case ALPACA -> Optional.of(alpaca(rules, eos(tokenizer)));
      case PROMPT_COMPLETION ->
          Optional.of(
              json(
                  Map.of(
                      "format",
                      "promptCompletion",
                      "prompt",
                      "{prompt}",
                      "answer",
                      "{completion}" + eos(tokenizer))));
      case TEXT, TOKENS, LABELED_TEXT, LABELED_TOKENS -> Optional.empty();
    };
  }

  /**
   * Returns the files of a job: at most one for conversations and one for other prompts, of the
   * first source that has some.
   */
  public static List<PromptFile> all(FineTuneJobSpec spec, Tokenizer tokenizer) {
    List<DatasetFormat> formats = new ArrayList<>(List.of(spec.datasetFormat()));
    List<DataSource> mixture = spec.dataset().mixture();
    if (mixture != null) {
      mixture.stream().map(DataSource::format).filter(Objects::nonNull).forEach(formats::add);
    }
    Map<String, PromptFile> files = new LinkedHashMap<>();
    for (DatasetFormat format : formats) {
      of(RowRules.of(spec.dataset(), format), tokenizer)
          .ifPresent(file -> files.putIfAbsent(file.name(), file));
    }
    return List.copyOf(files.values());
  }

  private static PromptFile alpaca(RowRules rules, String eos) {
    Map<String, String> fields = new TreeMap<>();
    fields.put("format", "alpaca");
    fields.put("variant", variant(rules));
    fields.put("prompt", AlpacaPrompt.of(rules.alpacaPrompt(), INSTRUCTION, ""));
    fields.put("promptWithInput", AlpacaPrompt.of(rules.alpacaPrompt(), INSTRUCTION, INPUT));
    fields.put("answer", "{output}" + eos + AlpacaPrompt.afterEos(rules.alpacaPrompt()));
    return json(fields);
  }

  private static String variant(RowRules rules) {
    return switch (rules.alpacaPrompt()) {
      case LLAMA_FACTORY -> "llamaFactory";
      case NEWLINE, SPACE, BARE -> rules.alpacaPrompt().name().toLowerCase(Locale.ROOT);
    };
  }

  private static String eos(Tokenizer tokenizer) {
    return tokenizer.decode(new int[] {tokenizer.eosId()}, false);
  }

  private static PromptFile json(Map<String, String> fields) {
    return new PromptFile(
        PROMPT, new String(RunJson.write(new TreeMap<>(fields)), StandardCharsets.UTF_8));
  }
}
