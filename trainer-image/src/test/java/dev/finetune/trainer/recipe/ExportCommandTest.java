package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.weights.GgufReader;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExportCommandTest {
  private static final Pattern RELATIVE = Pattern.compile("relative L2 ([0-9.e+-]+),");
  private static final String TINY = "models/tiny-llama";
  private static final String FULL = "lora/llama-full7/final";

  @TempDir private Path folder;

  /** What was written is read again by our own reader before it is compared. */
  @ParameterizedTest
  @CsvSource({"F32, 0, 3e-6", "F16, 1e-5, 2e-3", "Q8_0, 1e-3, 2e-2", "Q4_0, 2e-2, 0.3"})
  void writesAModelThatSaysWhatBaseModelAndAdapterSay(String type, double least, double most) {
    Path out = folder.resolve("merged.gguf");
    TrainingJobs.Ended ended = export(TINY, FULL, out, "--type", type);
    assertThat(ended.status()).as(ended.error()).isZero();
    Matcher relative = RELATIVE.matcher(ended.output());
    assertThat(relative.find()).as(ended.output()).isTrue();
    assertThat(Double.parseDouble(relative.group(1))).isBetween(least, most);
  }

  @Test
  void writesTokenizerAndTemplate() throws IOException {
    Path out = folder.resolve("merged.gguf");
    assertThat(export(TINY, FULL, out, "--check", "none").status()).isZero();
    try (BaseModel written = BaseModel.open(out);
        BaseModel base = BaseModel.open(Goldens.path(TINY));
        GgufReader reader = GgufReader.open(out)) {
      for (String text : new String[] {"Hello  world 123<|im_end|>", "Grüße, 漢字 \n\n\t"}) {
        assertThat(written.tokenizer().encode(text)).isEqualTo(base.tokenizer().encode(text));
      }
      assertThat(written.tokenizer().eosId()).isEqualTo(base.tokenizer().eosId());
      assertThat(written.tokenizer().bosId()).isEqualTo(base.tokenizer().bosId());
      assertThat(written.tokenizer().padId()).isEqualTo(base.tokenizer().padId());
      assertThat(reader.metadata().requireText("tokenizer.chat_template"))
          .isEqualTo(Files.readString(Goldens.path(TINY + "/chat_template.jinja")));
      assertThat(reader.metadata().requireInt("general.file_type")).isEqualTo(1);
    }
  }

  @Test
  void writesTheRotaryFactorsOfLlama3() {
    Path out = folder.resolve("merged.gguf");
    TrainingJobs.Ended ended =
        export("models/tiny-llama3rope", "lora/llama3rope-full7/final", out, "--type", "F32");
    assertThat(ended.status()).as(ended.error()).isZero();
    Matcher relative = RELATIVE.matcher(ended.output());
    assertThat(relative.find()).isTrue();
    assertThat(Double.parseDouble(relative.group(1))).isLessThan(1e-5);
    try (BaseModel written = BaseModel.open(out)) {
      assertThat(written.config().ropeScaling()).isInstanceOf(RopeScaling.Divisors.class);
    }
  }

  @Test
  void writesAnAdapterWithRowsInPairs() {
    Path out = folder.resolve("adapter.gguf");
    TrainingJobs.Ended ended = export(TINY, "lora/llama-rslora/final", out, "--content", "adapter");
    assertThat(ended.status()).as(ended.error()).isZero();
    GoldenTensors golden = Goldens.tensors("lora/llama-rslora/final/adapter_model.safetensors");
    String layer = "base_model.model.model.layers.1.self_attn.q_proj";
    int rank = (int) golden.shape(layer + ".lora_A.weight")[0];
    try (GgufReader reader = GgufReader.open(out)) {
      assertThat(reader.metadata().requireText("general.type")).isEqualTo("adapter");
      assertThat(reader.metadata().requireText("adapter.type")).isEqualTo("lora");
      double alpha = reader.metadata().requireDouble("adapter.lora.alpha");
      assertThat(read(reader, "blk.1.attn_q.weight.lora_a"))
          .isEqualTo(golden.floats(layer + ".lora_A.weight"));
      float[] b = golden.floats(layer + ".lora_B.weight");
      float[] written = read(reader, "blk.1.attn_q.weight.lora_b");
      // llama.cpp scales by alpha / rank, rsLoRA by alpha / sqrt(rank).
      float factor = (float) Math.sqrt(rank);
      assertThat(alpha).isEqualTo(alpha());
      int headSize = 16;
      for (int row = 0; row < written.length / rank; row++) {
        int inHead = row % headSize;
        int from = row - inHead + inHead % 2 * (headSize / 2) + inHead / 2;
        for (int r = 0; r < rank; r++) {
          assertThat(written[row * rank + r]).isEqualTo(b[from * rank + r] * factor);
        }
      }
    }
  }

  private static double alpha() {
    return Goldens.json("lora/llama-rslora/final/adapter_config.json")
        .path("lora_alpha")
        .asDouble();
  }

  @Test
  void refusesAnAdapterThatLlamaCppHasNoPlaceFor() {
    TrainingJobs.Ended ended =
        export(TINY, "lora/llama-dora/final", folder.resolve("a.gguf"), "--content", "adapter");
    assertThat(ended.status()).isEqualTo(42);
    assertThat(ended.error())
        .isEqualTo(
            "trainer: tiny-llama: an adapter with DoRA cannot be written to GGUF by itself, write the merged model");
    assertThat(folder.resolve("a.gguf")).doesNotExist();
  }

  @Test
  void overwritesNothing() throws IOException {
    Path out = Files.writeString(folder.resolve("mine.gguf"), "mine");
    TrainingJobs.Ended ended = export(TINY, FULL, out);
    assertThat(ended.status()).isEqualTo(42);
    assertThat(ended.error())
        .isEqualTo("trainer: --out: " + out + " exists; nothing is overwritten");
    assertThat(out).hasContent("mine");
  }

  private static float[] read(GgufReader reader, String name) {
    long[] shape = reader.shape(name);
    FloatBuffer values = FloatBuffer.allocate((int) (shape[0] * shape[1]));
    reader.read(name, values);
    return values.array();
  }

  private static TrainingJobs.Ended export(String model, String adapter, Path out, String... more) {
    String[] arguments = {
      "export",
      "--model",
      Goldens.path(model).toAbsolutePath().toString(),
      "--adapter",
      Goldens.path(adapter).toAbsolutePath().toString(),
      "--out",
      out.toString(),
      "--threads",
      "2"
    };
    return TrainingJobs.command(
        new StopRequest(false),
        Stream.concat(Arrays.stream(arguments), Arrays.stream(more)).toArray(String[]::new));
  }
}
