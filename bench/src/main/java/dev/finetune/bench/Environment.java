package dev.finetune.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Where and of what a run of the benchmark was made: the first line of the results.
 *
 * @param date when it began
 * @param command what was typed
 * @param commit of this tree
 * @param dirty whether tracked files differed from the commit
 * @param model file name of the model
 * @param data file name of the rows
 * @param processor model of the CPU
 * @param cores processors that the system offers
 * @param flags those of the processor's instructions that products use
 * @param memoryMebibytes memory of the machine
 * @param system name and version of the kernel
 * @param java version of the Java machine
 */
record Environment(
    Instant date,
    String command,
    String commit,
    boolean dirty,
    String model,
    String data,
    String processor,
    int cores,
    List<String> flags,
    long memoryMebibytes,
    String system,
    String java) {
  private static final List<String> RELEVANT =
      List.of("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_tile");

  /** The commit that is measured. */
  record Source(String command, String commit, boolean dirty) {}

  /** Looks at this machine. */
  static Environment of(Source source, Path model, Path data) throws IOException {
    return new Environment(
        Instant.now().truncatedTo(ChronoUnit.SECONDS),
        source.command(),
        source.commit(),
        source.dirty(),
        fileName(model),
        fileName(data),
        first("/proc/cpuinfo", "model name"),
        Runtime.getRuntime().availableProcessors(),
        flags(first("/proc/cpuinfo", "flags")),
        Long.parseLong(first("/proc/meminfo", "MemTotal").replaceAll("\\D", "")) / 1024,
        System.getProperty("os.name") + " " + System.getProperty("os.version"),
        Runtime.version().toString());
  }

  private static String fileName(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static List<String> flags(String all) {
    Set<String> found = new HashSet<>(Arrays.asList(all.split("\\s+")));
    return RELEVANT.stream().filter(found::contains).toList();
  }

  private static String first(String file, String key) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of(file))) {
      return lines
          .filter(line -> line.startsWith(key))
          .findFirst()
          .map(line -> line.substring(line.indexOf(':') + 1).trim())
          .orElse("unknown");
    }
  }
}
