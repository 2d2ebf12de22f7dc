package dev.finetune.trainer.basemodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.quant.BitsAndBytesReader;
import dev.finetune.trainer.quant.DoubleQuantization;
import dev.finetune.trainer.quant.Nf4;
import dev.finetune.trainer.quant.Nf4Table;
import dev.finetune.trainer.quant.Nf4Weight;
import dev.finetune.trainer.quant.QuantizedShape;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A checkpoint of the tiny Llama that transformers and bitsandbytes wrote. */
class BitsAndBytesTest {
  private static final Quantization STORED = new Quantization(QuantizationType.NF4, 64, true);
  private static final String QUERY = "model.layers.0.self_attn.q_proj.weight";
  private static final String STATE = QUERY + ".quant_state.bitsandbytes__nf4";

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  @TempDir private Path folder;

  @BeforeEach
  void copyModel() throws IOException {
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(Goldens.path("bnb/" + name), folder.resolve(name));
    }
    for (String name : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
      Files.copy(Goldens.path("models/tiny-llama/" + name), folder.resolve(name));
    }
  }

  @Test
  void givesTheLogitsOfTransformers() {
    GoldenTensors golden = Goldens.tensors("bnb/logits.safetensors");
    int[] ids = Arrays.stream(golden.longs("ids")).mapToInt(Math::toIntExact).toArray();
    float[] expected = golden.floats("logits");
    try (BaseModel base = BaseModel.open(folder);
        DecoderModel stored = load(base, base.quantization().orElseThrow());
        DecoderModel dense = load(base, null)) {
      assertThat(base.quantization()).hasValue(STORED);
      assertThat(Goldens.distance(logits(stored, ids), expected)).isLessThan(3e-6);
      assertThat(Goldens.distance(logits(dense, ids), expected)).isLessThan(3e-6);
    }
  }

  @Test
  void hasTheBytesOfOurOwnQuantization() {
    float[] original = Goldens.tensors("models/tiny-llama/model.safetensors").floats(QUERY);
    Nf4.Quantized quantized = Nf4.quantize(original, 64);
    try (SafetensorsReader file = SafetensorsReader.openModel(folder);
        Nf4Table table = new Nf4Table(kernels.engine());
        Nf4Weight own =
            Nf4Weight.builder(kernels, table, 64, 64, STORED)
                .add(original, original.length)
                .build();
        Nf4Weight stored =
            BitsAndBytesReader.of("a", SafetensorsReader.openModel(folder))
                .weight(kernels, table, QUERY);
        Scope scope = new Scope()) {
      assertThat(quantized.packed()).isEqualTo(file.readBytes(QUERY));
      assertThat(DoubleQuantization.map()).isEqualTo(file.readFloats(QUERY + ".nested_quant_map"));
      for (String part : new String[] {QuantizedShape.PACKED, QuantizedShape.CODES}) {
        byte[] bytes = stored.kept().get(part).toBytes();
        int count = part.equals(QuantizedShape.PACKED) ? bytes.length : original.length / 64;
        assertThat(Arrays.copyOf(bytes, count))
            .isEqualTo(Arrays.copyOf(own.kept().get(part).toBytes(), count));
      }
      assertThat(stored.offset()).isEqualTo(own.offset());
      assertThat(stored.materialize(scope).toFloats()).isEqualTo(own.materialize(scope).toFloats());
    }
  }

  /** Kernels on GPUs publish another lowest value than those on CPUs. */
  @Test
  void obeysTheMapThatIsStored() {
    rewrite(
        QUERY + ".nested_quant_map",
        bytes -> {
          ByteBuffer map = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
          for (int i = 0; i < 256; i++) {
            map.putFloat(4 * i, 0.9f * map.getFloat(4 * i));
          }
          return bytes;
        });
    try (BitsAndBytesReader reader =
            BitsAndBytesReader.of("a", SafetensorsReader.openModel(folder));
        BitsAndBytesReader before =
            BitsAndBytesReader.of("b", SafetensorsReader.openModel(Goldens.path("bnb")));
        Nf4Table table = new Nf4Table(kernels.engine());
        Nf4Weight weight = reader.weight(kernels, table, QUERY);
        Scope scope = new Scope()) {
      float[] values = values(reader);
      assertThat(weight.materialize(scope).toFloats()).isEqualTo(values);
      assertThat(values).isNotEqualTo(values(before));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"blocksize\": 64 | \"blocksize\": 63 | blocksize must be a power of two from 32 to 4096, was 63",
        "\"blocksize\": 64 | \"blocksize\": 32 | tensor 'model.layers.0.self_attn.q_proj.weight.absmax': expected 128 elements of type U8, found shape [64] of type U8",
        "[64, 64] | [64, -4] | sizes must be 1 to 16777216, was -4",
        "[64, 64] | [64, 96] | expected 3072 elements of type U8, found shape [2048, 1] of type U8",
        "\"nested_blocksize\": 256 | \"nested_blocksize\": 128 | nested_blocksize 128 is not supported, use 256",
        "\"quant_type\": \"nf4\" | \"quant_type\": \"fp4\" | quant_type fp4 is not supported, use nf4",
        "{ | [ | broken JSON",
      })
  void refusesAStateThatDoesNotFit(String before, String after, String message) {
    rewrite(
        STATE,
        bytes -> {
          String text = new String(bytes, StandardCharsets.UTF_8);
          assertThat(text).contains(before);
          return text.replace(before, after).getBytes(StandardCharsets.UTF_8);
        });
    assertThatThrownBy(() -> BaseModel.open(folder).close())
        .isInstanceOfAny(UnreadableData.class, UnsupportedModel.class)
        .hasMessageContaining(message);
  }

  @Test
  void namesATensorThatIsMissing() {
    rewrite(QUERY + ".nested_absmax", _ -> null);
    assertThatThrownBy(() -> BaseModel.open(folder).close())
        .isInstanceOf(UnreadableData.class)
        .hasMessage(folder + ": tensor '" + QUERY + ".nested_absmax' is missing");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"load_in_4bit\": true, | \"load_in_4bit\": false, | quantization_config: expected load_in_4bit",
        "\"bnb_4bit_quant_type\": \"nf4\" | \"bnb_4bit_quant_type\": \"fp4\" | bnb_4bit_quant_type fp4 is not supported, use nf4",
        "\"quant_method\": \"bitsandbytes\" | \"quant_method\": \"gptq\" | quant_method gptq is not supported",
      })
  void refusesOtherQuantizationByName(String before, String after, String message)
      throws IOException {
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    assertThat(text).contains(before);
    Files.writeString(config, text.replace(" " + before, " " + after));
    assertThatThrownBy(() -> BaseModel.open(folder).close())
        .isInstanceOf(UnsupportedModel.class)
        .hasMessageContaining(message);
  }

  @Test
  void aJobMaySayNothingOrTheSame() {
    assertThat(StoredQuantization.agree(null, STORED)).isEqualTo(STORED);
    assertThat(StoredQuantization.agree(STORED, STORED)).isEqualTo(STORED);
    assertThat(StoredQuantization.agree(null, null)).isNull();
    Quantization plain = Quantization.defaults();
    assertThat(StoredQuantization.agree(plain, null)).isEqualTo(plain);
    assertThatThrownBy(() -> StoredQuantization.agree(plain, STORED))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.quantization: the base model is stored in type NF4, blockSize 64, doubleQuantization true, which is kept as it is; leave it out or say the same, was type NF4, blockSize 64, doubleQuantization false");
  }

  private DecoderModel load(BaseModel base, Quantization quantization) {
    return ModelLoader.load(kernels, base.config(), base.weights(), quantization);
  }

  private static float[] logits(DecoderModel model, int[] ids) {
    try (DecoderModel.Forward forward =
        model.forward(MicroBatch.continuing(ids, 0), null, null, Tape.discarding())) {
      long[] rows = LongStream.range(0, ids.length).toArray();
      return model.loss(null).logits(forward.hidden(), rows);
    }
  }

  private static float[] values(BitsAndBytesReader reader) {
    FloatBuffer values = FloatBuffer.allocate(64 * 64);
    reader.read(QUERY, values);
    return values.array();
  }

  /** Writes the checkpoint again with one tensor changed, or without it. */
  private void rewrite(String changed, UnaryOperator<byte[]> change) {
    SafetensorsWriter writer = new SafetensorsWriter();
    GoldenTensors tensors = new GoldenTensors(Goldens.path("bnb/model.safetensors"));
    try (SafetensorsReader reader = SafetensorsReader.openModel(Goldens.path("bnb"))) {
      for (String name : reader.names()) {
        byte[] bytes = tensors.bytes(name);
        long[] shape = reader.shape(name);
        if (name.equals(changed)) {
          byte[] other = change.apply(bytes);
          if (other == null) {
            continue;
          }
          shape = other.length == bytes.length ? shape : new long[] {other.length};
          bytes = other;
        }
        writer.add(name, reader.type(name), shape, MemorySegment.ofArray(bytes));
      }
    }
    writer.write(folder.resolve("model.safetensors"));
  }
}
