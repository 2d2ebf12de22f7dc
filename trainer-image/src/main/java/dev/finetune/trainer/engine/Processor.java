package dev.finetune.trainer.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What the processor is and can do, by what the kernel of the system lists. */
public final class Processor {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /** Sets of instructions that libtorch, oneDNN and MKL have kernels of their own for. */
  private static final List<String> CHOOSING =
      List.of(
          "avx",
          "avx2",
          "fma",
          "avx_vnni",
          "avx512f",
          "avx512bw",
          "avx512dq",
          "avx512vl",
          "avx512_vnni",
          "avx512_bf16",
          "avx512_fp16",
          "amx_tile",
          "amx_int8",
          "amx_bf16",
          "amx_fp16");

  /** Variables by which a process tells these libraries to use less than there is. */
  private static final List<String> LIMITS =
      List.of(
          "ATEN_CPU_CAPABILITY",
          "ONEDNN_MAX_CPU_ISA",
          "DNNL_MAX_CPU_ISA",
          "MKL_ENABLE_INSTRUCTIONS",
          "MKL_CBWR");

  private Processor() {}

  /** Returns whether the processor multiplies bfloat16 in hardware. */
  public static boolean hasBfloat16() {
    // A system without a list is one that we know nothing of: fp32 works everywhere.
    return hasBfloat16(flags(first()));
  }

  static boolean hasBfloat16(Set<String> flags) {
    return flags.contains("avx512_bf16") || flags.contains("amx_bf16");
  }

  /** Returns the model, with its family and number since some names say little. */
  public static String model() {
    return model(first());
  }

  static String model(Map<String, String> processor) {
    String name = processor.get("model name");
    return name == null
        ? "unknown"
        : "%s (family %s, model %s)"
            .formatted(
                name,
                processor.getOrDefault("cpu family", "unknown"),
                processor.getOrDefault("model", "unknown"));
  }

  /**
   * Returns the sets of instructions by which libraries choose kernels, separated by spaces, and
   * the variables that limit them.
   *
   * @param variables variables of the process
   */
  public static String instructions(Map<String, String> variables) {
    return instructions(flags(first()), variables);
  }

  static String instructions(Set<String> flags, Map<String, String> variables) {
    StringBuilder text =
        new StringBuilder(
            CHOOSING.stream().filter(flags::contains).collect(Collectors.joining(" ")));
    for (String limit : LIMITS) {
      String value = variables.get(limit);
      if (value != null && !value.isBlank()) {
        text.append(' ').append(limit).append('=').append(value.strip());
      }
    }
    return text.toString().strip();
  }

  private static Set<String> flags(Map<String, String> processor) {
    return Arrays.stream(processor.getOrDefault("flags", "").split("\\s+"))
        .collect(Collectors.toUnmodifiableSet());
  }

  /** Returns the fields of the first processor, none if the system does not tell. */
  private static Map<String, String> first() {
    try {
      return fields(Files.readAllLines(CPU_INFO));
    } catch (IOException e) {
      return Map.of();
    }
  }

  static Map<String, String> fields(List<String> lines) {
    Map<String, String> fields = new HashMap<>();
    for (String line : lines) {
      int colon = line.indexOf(':');
      if (colon < 0) {
        break;
      }
      fields.put(line.substring(0, colon).strip(), line.substring(colon + 1).strip());
    }
    return fields;
  }
}
