package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCommandTest {
  private static final Path MODEL = Goldens.path("models/tiny-llama");
  private static final Path ADAPTER = Goldens.path("lora/llama-full7/final");
  private static final Pattern RELATIVE = Pattern.compile("relative L2 ([0-9.e+-]+),");

  @TempDir private Path folder;

  @Test
  void writesAModelThatSaysWhatBaseModelAndAdapterSay() throws IOException {
    Path out = folder.resolve("merged");
    TrainingJobs.Ended ended = merge(MODEL, ADAPTER, out);
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    assertThat(ended.output()).contains("largest logit difference");
    // Weights in bfloat16 have 8 bits.
    assertThat(relative(ended)).isBetween(1e-5, 0.01);
    try (SafetensorsReader reader = SafetensorsReader.openModel(out)) {
      assertThat(reader.names())
          .hasSize(20)
          .allSatisfy(name -> assertThat(reader.type(name)).isEqualTo(ElementType.BF16));
    }
    JsonNode config = new ObjectMapper().readTree(out.resolve("config.json").toFile());
    assertThat(config.path("torch_dtype").asText() + config.path("dtype").asText())
        .isEqualTo("bfloat16");
    assertThat(Files.readString(out.resolve("tokenizer.json")))
        .isEqualTo(Files.readString(MODEL.resolve("tokenizer.json")));
  }

  @Test
  void writesShardsThatReadAsOneModel() throws IOException {
    Path out = folder.resolve("merged");
    TrainingJobs.Ended ended =
        merge(MODEL, ADAPTER, out, "--dtype", "fp32", "--max-shard-size", "150KB");
    assertThat(ended.status()).as(ended.error()).isZero();
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .contains(
              "model-00001-of-00004.safetensors",
              "model-00004-of-00004.safetensors",
              "model.safetensors.index.json");
    }
    assertThat(relative(ended)).isLessThan(3e-6);
    try (BaseModel model = BaseModel.open(out)) {
      assertThat(model.weights().names()).hasSize(20);
    }
  }

  @Test
  void mergesIntoAGgufFile() {
    Path out = folder.resolve("merged");
    TrainingJobs.Ended ended =
        merge(Goldens.path("gguf/tiny-Q8_0.gguf"), ADAPTER, out, "--dtype", "fp32");
    assertThat(ended.status()).as(ended.error()).isZero();
    assertThat(relative(ended)).isLessThan(3e-6);
    try (BaseModel merged = BaseModel.open(out);
        BaseModel base = BaseModel.open(Goldens.path("gguf/tiny-Q8_0.gguf"))) {
      // The file has the epsilon in 32 bits.
      assertThat((float) merged.config().rmsNormEpsilon())
          .isEqualTo((float) base.config().rmsNormEpsilon());
      assertThat(merged.config())
          .usingRecursiveComparison()
          .ignoringFields("rmsNormEpsilon")
          .isEqualTo(base.config());
      String text = "Hello  world 123<|im_end|>";
      assertThat(merged.tokenizer().encode(text)).isEqualTo(base.tokenizer().encode(text));
      assertThat(merged.tokenizer().eosId()).isEqualTo(base.tokenizer().eosId());
      assertThat(merged.tokenizer().padId()).isEqualTo(base.tokenizer().padId());
    }
  }

  @Test
  void mergesWhatPissaTookOutOfTheBaseModel() {
    TrainingJobs.Ended ended =
        merge(
            MODEL,
            Goldens.path("lora/llama-pissa/final"),
            folder.resolve("merged"),
            "--dtype",
            "fp32");
    assertThat(ended.status()).as(ended.error()).isZero();
    assertThat(relative(ended)).isLessThan(1e-5);
  }

  @Test
  void saysThatAnAdapterWasTrainedBesideAQuantizedModel() throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    Path storage = folder.resolve("runs");
    Path job = jobs.write(jobs.yaml("maxSteps: 12", "maxSteps: 2"));
    assertThat(TrainingJobs.run(job, "--storage", "file:" + storage).status()).isZero();
    Path adapter =
        TrainingJobs.find(storage, "adapter/adapter_config.json").toAbsolutePath().getParent();
    TrainingJobs.Ended ended = merge(MODEL, adapter, folder.resolve("merged"));
    assertThat(ended.output())
        .contains("trained beside base weights in NF4 with double quantization")
        .contains("Against the quantized model");
    Matcher relative = RELATIVE.matcher(ended.output());
    assertThat(relative.find()).isTrue();
    double unquantized = Double.parseDouble(relative.group(1));
    assertThat(relative.find()).isTrue();
    assertThat(Double.parseDouble(relative.group(1))).isGreaterThan(3 * unquantized);
  }

  @Test
  void overwritesNothing() throws IOException {
    Files.writeString(folder.resolve("mine.txt"), "mine");
    TrainingJobs.Ended ended = merge(MODEL, ADAPTER, folder);
    assertThat(ended.status()).isEqualTo(42);
    assertThat(ended.error())
        .isEqualTo(
            "trainer: --out: " + folder + " exists and is not empty; nothing is overwritten");
    assertThat(folder).isDirectoryNotContaining("glob:**.safetensors");
  }

  private static TrainingJobs.Ended merge(Path model, Path adapter, Path out, String... more) {
    String[] arguments = {
      "merge",
      "--model",
      model.toAbsolutePath().toString(),
      "--adapter",
      adapter.toAbsolutePath().toString(),
      "--out",
      out.toString(),
      "--threads",
      "2"
    };
    return TrainingJobs.command(
        new StopRequest(false),
        Stream.concat(Arrays.stream(arguments), Arrays.stream(more)).toArray(String[]::new));
  }

  private static double relative(TrainingJobs.Ended ended) {
    Matcher relative = RELATIVE.matcher(ended.output());
    assertThat(relative.find()).as(ended.output()).isTrue();
    return Double.parseDouble(relative.group(1));
  }
}
