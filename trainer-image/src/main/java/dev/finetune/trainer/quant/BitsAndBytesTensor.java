package dev.finetune.trainer.quant;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.WeightReader;
import java.util.Arrays;

/**
 * One weight as bitsandbytes stores it: codes in {@code NAME}, scales in {@code NAME.absmax}, what
 * codes stand for in {@code NAME.quant_map}, with double quantization {@code NAME.nested_absmax}
 * and {@code NAME.nested_quant_map}, and the rest as JSON.
 *
 * @param name of the weight
 * @param shape rows and columns of the weight, and its block size
 * @param nested whether the scales are quantized
 * @param offset mean of the scales, if they are
 * @param nestedMap what the codes of the scales stand for, if they are
 */
record BitsAndBytesTensor(
    String name, QuantizedShape shape, boolean nested, float offset, float[] nestedMap) {
  private static final long MOST_STATE = 4096;
  private static final long MOST_SIZE = 1 << 24;
  private static final String ABSMAX = ".absmax";
  private static final String NESTED_ABSMAX = ".nested_absmax";

  /**
   * Reads what is small of a weight, and checks that all its tensors are there in their sizes.
   *
   * @param state name of the tensor with the JSON
   */
  static BitsAndBytesTensor read(String source, SafetensorsReader file, String name, String state) {
    String place = source + ": tensor '" + state + "'";
    if (elements(file, state) > MOST_STATE) {
      throw new UnreadableData(place + ": must be at most " + MOST_STATE + " bytes");
    }
    JsonFields fields = new JsonFields(place, JsonFile.parse(place, file.readBytes(state)));
    String type = fields.text("quant_type");
    if (!"nf4".equals(type)) {
      throw new UnsupportedModel(place + ": quant_type " + type + " is not supported, use nf4");
    }
    int block = fields.requireInt("blocksize");
    if (block < 32 || block > 4096 || Integer.bitCount(block) != 1) {
      throw new UnreadableData(
          place + ": blocksize must be a power of two from 32 to 4096, was " + block);
    }
    QuantizedShape shape = shape(place, fields, block);
    boolean nested = fields.has("nested_offset");
    Check check = new Check(source, file, name);
    check.requireCount("", ElementType.U8, (shape.rows() * shape.columns() + 1) / 2);
    check.requireCount(".quant_map", ElementType.F32, 16);
    requireNf4(source, name, file.readFloats(name + ".quant_map"));
    check.requireCount(ABSMAX, nested ? ElementType.U8 : ElementType.F32, shape.scales());
    if (!nested) {
      return new BitsAndBytesTensor(name, shape, false, 0, new float[0]);
    }
    int nestedBlock = fields.requireInt("nested_blocksize");
    if (nestedBlock != DoubleQuantization.BLOCK) {
      throw new UnsupportedModel(
          "%s: nested_blocksize %d is not supported, use %d"
              .formatted(place, nestedBlock, DoubleQuantization.BLOCK));
    }
    check.requireCount(NESTED_ABSMAX, ElementType.F32, shape.nested());
    check.requireCount(".nested_quant_map", ElementType.F32, 256);
    return new BitsAndBytesTensor(
        name,
        shape,
        true,
        (float) fields.requireDouble("nested_offset"),
        file.readFloats(name + ".nested_quant_map"));
  }

  private static QuantizedShape shape(String place, JsonFields fields, int block) {
    var sizes = fields.node("shape");
    if (sizes == null || !sizes.isArray() || sizes.size() != 2) {
      throw new UnreadableData(place + ": shape must be a list of two sizes");
    }
    for (var size : sizes) {
      if (!size.isIntegralNumber() || size.asLong() < 1 || size.asLong() > MOST_SIZE) {
        throw new UnreadableData(
            "%s: sizes must be 1 to %d, was %s".formatted(place, MOST_SIZE, size));
      }
    }
    return new QuantizedShape(sizes.get(0).asLong(), sizes.get(1).asLong(), block);
  }

  private static void requireNf4(String source, String name, float[] map) {
    for (int code = 0; code < map.length; code++) {
      if (map[code] != Nf4.value(code)) {
        throw new UnsupportedModel(
            "%s: tensor '%s.quant_map': code %d stands for %s, in NF4 for %s"
                .formatted(source, name, code, map[code], Nf4.value(code)));
      }
    }
  }

  private static long elements(SafetensorsReader file, String name) {
    long elements = 1;
    for (long size : file.shape(name)) {
      elements = Math.multiplyExact(elements, size);
    }
    return elements;
  }

  private record Check(String source, SafetensorsReader file, String name) {
    void requireCount(String ending, ElementType type, long count) {
      String tensor = name + ending;
      if (!file.names().contains(tensor)) {
        throw new UnreadableData("%s: tensor '%s' is missing".formatted(source, tensor));
      }
      if (file.type(tensor) != type || elements(file, tensor) != count) {
        throw new UnreadableData(
            "%s: tensor '%s': expected %d elements of type %s, found shape %s of type %s"
                .formatted(
                    source,
                    tensor,
                    count,
                    type,
                    Arrays.toString(file.shape(tensor)),
                    file.type(tensor)));
      }
    }
  }

  Quantization quantization() {
    return new Quantization(QuantizationType.NF4, shape.block(), nested);
  }

  /** Returns where an {@link Nf4Weight} takes its tensors from. */
  QuantizedSource source(SafetensorsReader file, Engine engine) {
    return new Source(this, file, engine);
  }

  private record Source(BitsAndBytesTensor tensor, SafetensorsReader file, Engine engine)
      implements QuantizedSource {
    @Override
    public void copy(String part, Tensor bytes) {
      String stored = tensor.name + (part.equals(QuantizedShape.PACKED) ? "" : ABSMAX);
      long[] next = {0};
      file.streamBytes(
          stored,
          (values, count) -> {
            engine.write(bytes, next[0], values, count);
            next[0] += count;
          });
      // Ours end with a whole block.
      int rest = Math.toIntExact(bytes.elements() - next[0]);
      engine.write(bytes, next[0], new byte[rest], rest);
    }

    @Override
    public void copyFloats(String part, Tensor floats) {
      float[] values =
          file.readFloats(
              tensor.name + (part.equals(QuantizedShape.ABSMAX) ? ABSMAX : NESTED_ABSMAX));
      engine.write(floats, 0, values, values.length);
    }

    @Override
    public float number(String part) {
      return tensor.offset;
    }

    @Override
    public float[] nestedMap() {
      return tensor.nestedMap.clone();
    }
  }

  /** Passes on the values that the codes stand for. */
  void dequantize(SafetensorsReader file, WeightReader.Sink sink) {
    float[] scales = scales(file);
    long all = shape.rows() * shape.columns();
    float[] part = new float[WeightReader.PART];
    long[] done = {0};
    int[] filled = {0};
    file.streamBytes(
        name,
        (bytes, count) -> {
          for (int i = 0; i < 2 * count && done[0] < all; i++) {
            int code = (bytes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xf;
            part[filled[0]++] = Nf4.value(code) * scales[(int) (done[0]++ / shape.block())];
            if (filled[0] == part.length) {
              sink.accept(part, filled[0]);
              filled[0] = 0;
            }
          }
        });
    if (filled[0] > 0) {
      sink.accept(part, filled[0]);
    }
  }

  private float[] scales(SafetensorsReader file) {
    if (!nested) {
      return file.readFloats(name + ABSMAX);
    }
    byte[] codes = file.readBytes(name + ABSMAX);
    float[] second = file.readFloats(name + NESTED_ABSMAX);
    float[] scales = new float[codes.length];
    for (int i = 0; i < scales.length; i++) {
      float difference = nestedMap[codes[i] & 0xff] * second[i / DoubleQuantization.BLOCK];
      scales[i] = difference + offset;
    }
    return scales;
  }
}
