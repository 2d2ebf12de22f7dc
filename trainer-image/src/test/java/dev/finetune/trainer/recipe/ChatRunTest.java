package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatRunTest {
  @TempDir private Path folder;
  private TrainingJobs jobs;

  @BeforeEach
  void makeJobs() {
    jobs = new TrainingJobs(folder);
  }

  @Test
  void trainsOnConversationsAndDeliversTheirTemplate() throws IOException {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      rows.append("{\"messages\":[{\"role\":\"user\",\"content\":\"q")
          .append(i)
          .append("\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\n");
    }
    Ended ended = run(rows.toString(), "format: chat");
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    Path template = TrainingJobs.find(folder.resolve("runs"), "adapter/chat_template.jinja");
    assertThat(template)
        .hasSameBinaryContentAs(Goldens.path("models/tiny-llama/chat_template.jinja"));
    assertThat(manifest(template)).contains("chat_template.jinja");
  }

  @Test
  void deliversTheAlpacaPromptThatItWasTrainedWith() throws IOException {
    String row = "{\"instruction\":\"i\",\"output\":\"o%d\"}\n";
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      rows.append(row.formatted(i));
    }
    Ended ended =
        run(
            rows.toString(),
            "format: alpaca\n    alpacaPrompt: bare",
            "maxLength: 64",
            "maxLength: 512");
    assertThat(ended.error()).isEmpty();
    Path file = TrainingJobs.find(folder.resolve("runs"), "adapter/prompt_template.json");
    JsonNode prompt = new ObjectMapper().readTree(file.toFile());
    assertThat(prompt.get("variant").textValue()).isEqualTo("bare");
    assertThat(prompt.get("prompt").textValue()).endsWith("{instruction}\n\n### Response:");
    assertThat(manifest(file)).contains("prompt_template.json");
  }

  @Test
  void trainsOnWindowsOfTextsOfWhichNoneIsTooLong() throws IOException {
    String rows =
        "{\"text\":\"%s\"}\n{\"text\":\"short\"}\n{\"text\":\"other\"}\n"
            .formatted("many words ".repeat(60).strip());
    Ended ended =
        run(rows, "format: text\n    packing: true", "evalFraction: 0.1", "evalFraction: 0");
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
  }

  @Test
  void namesTheConstructOfATemplateThatIsNotSupported() throws IOException {
    Ended ended =
        run(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}\n",
            "format: chat\n    chatTemplate: \"{{ messages | xmlattr }}\"");
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error())
        .isEqualTo(
            "trainer: spec.dataset.chatTemplate: line 1: filter 'xmlattr' is not supported in a chat template");
  }

  private Ended run(String rows, String format, String... replacements) throws IOException {
    Files.writeString(folder.resolve("data.jsonl"), rows);
    String[] all = new String[replacements.length + 4];
    all[0] = "format: tokens";
    all[1] = format;
    all[2] = "maxSteps: 12";
    all[3] = "maxSteps: 2";
    System.arraycopy(replacements, 0, all, 4, replacements.length);
    return TrainingJobs.run(jobs.write(jobs.yaml(all)));
  }

  private static String manifest(Path file) throws IOException {
    return Files.readString(file.resolveSibling("manifest.json"));
  }
}
