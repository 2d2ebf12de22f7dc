package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.Goldens;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerateCommandTest {
  private static final Path MODEL = Goldens.path("models/tiny-llama");

  @Test
  void answersInTheFormOfTheChatTemplate() {
    TrainingJobs.Ended plain = generate("Hello");
    TrainingJobs.Ended chat = generate("Hello", "--chat");
    TrainingJobs.Ended system = generate("Hello", "--chat", "--system", "Be brief.");
    // What the template of the tiny model makes of it.
    TrainingJobs.Ended same =
        generate(
            "<|im_start|>system\nYou are a tiny test model<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
    assertThat(Stream.of(plain, chat, system, same)).allMatch(ended -> ended.status() == 0);
    assertThat(chat.output()).isEqualTo(same.output()).isNotEqualTo(plain.output());
    assertThat(system.output()).isNotEqualTo(chat.output());
  }

  @Test
  void drawsTheSameTextForTheSameSeed() {
    String[] options = {"--temperature", "1.5", "--top-p", "0.9", "--seed", "3"};
    String first = generate("Hello", options).output();
    assertThat(generate("Hello", options).output()).isEqualTo(first);
    options[5] = "4";
    assertThat(generate("Hello", options).output()).isNotEqualTo(first);
  }

  @Test
  void mergesTheAdapterInMemory() {
    String adapter = Goldens.path("lora/llama-full7/final").toAbsolutePath().toString();
    TrainingJobs.Ended changed = generate("Hello", "--adapter", adapter);
    assertThat(changed.status()).as(changed.error()).isZero();
    assertThat(changed.output()).isNotEqualTo(generate("Hello").output());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--system x | --system: needs --chat",
        "--chat --format alpaca | --format: must be text with --chat, was alpaca",
        "--top-p 0 | --top-p: must be above 0 and at most 1, was 0",
        "--max-tokens 0 | --max-tokens: must be 1 to 1048576, was 0",
      })
  void namesTheOptionThatIsWrong(String options, String message) {
    TrainingJobs.Ended ended = generate("Hello", options.split(" "));
    assertThat(ended.status()).isEqualTo(42);
    assertThat(ended.error()).isEqualTo("trainer: " + message);
  }

  private static TrainingJobs.Ended generate(String prompt, String... more) {
    String[] arguments = {
      "generate",
      "--model",
      MODEL.toAbsolutePath().toString(),
      "--prompt",
      prompt,
      "--max-tokens",
      "12",
      "--precision",
      "fp32",
      "--threads",
      "2"
    };
    // An option that is given twice is an error of its own.
    String[] base =
        Arrays.asList(more).contains("--max-tokens")
            ? Stream.concat(
                    Arrays.stream(arguments, 0, 5), Arrays.stream(arguments, 7, arguments.length))
                .toArray(String[]::new)
            : arguments;
    return TrainingJobs.command(
        new StopRequest(false),
        Stream.concat(Arrays.stream(base), Arrays.stream(more)).toArray(String[]::new));
  }
}
