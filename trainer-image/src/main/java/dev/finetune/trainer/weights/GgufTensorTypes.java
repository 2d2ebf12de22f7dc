package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnsupportedModel;
import java.nio.file.Path;
import java.util.Map;

/** Codes of tensor types in GGUF. Those that are not read are here by name, for the message. */
final class GgufTensorTypes {
  private static final Map<Integer, BlockDecoder> READ =
      Map.of(0, BlockDecoder.F32, 1, BlockDecoder.F16, 3, BlockDecoder.Q4_1, 8, BlockDecoder.Q8_0);
  private static final Map<Integer, String> OTHERS =
      Map.ofEntries(
          Map.entry(2, "Q4_0"),
          Map.entry(6, "Q5_0"),
          Map.entry(7, "Q5_1"),
          Map.entry(9, "Q8_1"),
          Map.entry(10, "Q2_K"),
          Map.entry(11, "Q3_K"),
          Map.entry(12, "Q4_K"),
          Map.entry(13, "Q5_K"),
          Map.entry(14, "Q6_K"),
          Map.entry(15, "Q8_K"),
          Map.entry(24, "I8"),
          Map.entry(25, "I16"),
          Map.entry(26, "I32"),
          Map.entry(27, "I64"),
          Map.entry(28, "F64"),
          Map.entry(30, "BF16"));

  private GgufTensorTypes() {}

  static BlockDecoder decoder(Path file, String tensor, int code) {
    BlockDecoder decoder = READ.get(code);
    if (decoder == null) {
      throw new UnsupportedModel(
          "%s: tensor '%s': type %s is not supported, use F32, F16, Q4_1 or Q8_0"
              .formatted(file, tensor, OTHERS.getOrDefault(code, Integer.toUnsignedString(code))));
    }
    return decoder;
  }
}
