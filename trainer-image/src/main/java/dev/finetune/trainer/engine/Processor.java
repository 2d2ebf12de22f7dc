package dev.finetune.trainer.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the processor can do, by the flags that the kernel of the system lists. */
public final class Processor {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private Processor() {}

  /** Returns whether the processor multiplies bfloat16 in hardware. */
  public static boolean hasBfloat16() {
    try (Stream<String> lines = Files.lines(CPU_INFO)) {
      return hasBfloat16(flags(lines));
    } catch (IOException e) {
      // A system without this file is one that we know nothing of: fp32 works everywhere.
      return false;
    }
  }

  /**
   * Returns the name of the widest vectors that libtorch has code for, since sums are rounded in
   * their order: {@code avx512}, {@code avx2} or {@code other}.
   */
  public static String vectors() {
    try (Stream<String> lines = Files.lines(CPU_INFO)) {
      return vectors(flags(lines));
    } catch (IOException e) {
      // As for a processor that has neither.
      return "other";
    }
  }

  static String vectors(Set<String> flags) {
    if (flags.containsAll(Set.of("avx512f", "avx512bw", "avx512vl", "avx512dq"))) {
      return "avx512";
    }
    return flags.contains("avx2") ? "avx2" : "other";
  }

  static boolean hasBfloat16(Set<String> flags) {
    return flags.contains("avx512_bf16") || flags.contains("amx_bf16");
  }

  private static Set<String> flags(Stream<String> lines) {
    return lines
        .filter(line -> line.startsWith("flags"))
        .findFirst()
        .map(line -> line.substring(line.indexOf(':') + 1).trim().split("\\s+"))
        .map(flags -> Arrays.stream(flags).collect(Collectors.toUnmodifiableSet()))
        .orElse(Set.of());
  }
}
