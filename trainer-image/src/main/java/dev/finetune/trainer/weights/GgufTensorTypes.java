package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnsupportedModel;
import java.nio.file.Path;
import java.util.Map;

/** Codes of tensor types in GGUF. Those that are not read are here by name, for the message. */
final class GgufTensorTypes {
  private static final Map<Integer, BlockDecoder> READ =
      Map.ofEntries(
          Map.entry(0, BlockDecoder.F32),
          Map.entry(1, BlockDecoder.F16),
          Map.entry(2, BlockDecoder.Q4_0),
          Map.entry(3, BlockDecoder.Q4_1),
          Map.entry(6, BlockDecoder.Q5_0),
          Map.entry(7, BlockDecoder.Q5_1),
          Map.entry(8, BlockDecoder.Q8_0),
          Map.entry(10, BlockDecoder.Q2_K),
          Map.entry(11, BlockDecoder.Q3_K),
          Map.entry(12, BlockDecoder.Q4_K),
          Map.entry(13, BlockDecoder.Q5_K),
          Map.entry(14, BlockDecoder.Q6_K),
          Map.entry(20, BlockDecoder.IQ4_NL),
          Map.entry(23, BlockDecoder.IQ4_XS),
          Map.entry(30, BlockDecoder.BF16));
  private static final Map<Integer, String> OTHERS =
      Map.ofEntries(
          Map.entry(9, "Q8_1"),
          Map.entry(15, "Q8_K"),
          Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"),
          Map.entry(18, "IQ3_XXS"),
          Map.entry(19, "IQ1_S"),
          Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"),
          Map.entry(24, "I8"),
          Map.entry(25, "I16"),
          Map.entry(26, "I32"),
          Map.entry(27, "I64"),
          Map.entry(28, "F64"),
          Map.entry(29, "IQ1_M"),
          Map.entry(34, "TQ1_0"),
          Map.entry(35, "TQ2_0"),
          Map.entry(39, "MXFP4"));

  private GgufTensorTypes() {}

  static BlockDecoder decoder(Path file, String tensor, int code) {
    BlockDecoder decoder = READ.get(code);
    if (decoder == null) {
      throw new UnsupportedModel(
          "%s: tensor '%s': type %s is not supported, use F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL or IQ4_XS"
              .formatted(file, tensor, OTHERS.getOrDefault(code, Integer.toUnsignedString(code))));
    }
    return decoder;
  }
}
