package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs of every kind of adapter by the command line, and runs that start from what they deliver.
 */
class AdapterVariantsTest {
  private static final String PLAIN = "rank: 4\n    alpha: 8";
  private static final String QUANTIZED =
      "  quantization:\n    type: NF4\n    doubleQuantization: true\n";

  @TempDir private Path folder;

  /**
   * What is delivered is the whole difference to the base model: a run that starts from it begins
   * with the loss that the first one ended with, to the bit.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "variant: rsLoRA",
        "variant: DoRA",
        "init: pissa",
        "init: gaussian\n    layersToTransform: [1]\n    rankPattern: {q_proj: 2}",
        "modulesToSave: [embed_tokens, lm_head, norm]\n    targetModules: [q_proj, v_proj]"
      })
  void aRunGoesOnFromWhatAnotherDelivered(String adapter) throws IOException {
    goOn(adapter, "");
  }

  /** The rest is quantized, so the least difference of a decomposition would show. */
  @Test
  void everyRunQuantizesTheSameRestOfPissa() throws IOException {
    goOn("init: pissa", QUANTIZED);
  }

  private void goOn(String adapter, String quantization) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    run(jobs, first, PLAIN + "\n    " + adapter, quantization, "maxSteps: 4");
    Path delivered =
        TrainingJobs.find(first, "adapter/adapter_config.json").toAbsolutePath().getParent();
    run(jobs, second, "initFrom: file:" + delivered, quantization, "maxSteps: 1");
    JsonNode before = head(first);
    assertThat(before.path("evalLossAfter").asDouble())
        .isNotEqualTo(before.path("evalLossBefore").asDouble());
    assertThat(head(second).path("evalLossBefore")).isEqualTo(before.path("evalLossAfter"));
  }

  private static void run(
      TrainingJobs jobs, Path storage, String adapter, String quantization, String steps)
      throws IOException {
    String yaml =
        jobs.yaml(
            "models/tiny-llama",
            "models/tiny-llama-untied",
            PLAIN,
            adapter,
            QUANTIZED,
            quantization,
            "maxSteps: 12",
            steps,
            "warmupSteps: 2",
            "warmupSteps: 0");
    TrainingJobs.Ended ended = TrainingJobs.run(jobs.write(yaml), "--storage", "file:" + storage);
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
  }

  private static JsonNode head(Path storage) throws IOException {
    return new ObjectMapper()
        .readTree(TrainingJobs.find(storage, "head.json").toFile())
        .path("delivered");
  }
}
