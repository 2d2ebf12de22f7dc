package dev.finetune.trainer.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Feeds targets with mutated inputs for a while, without a test's framework around it. An input
 * that breaks a target is left in a file.
 *
 * <p>It is also the entry of Jazzer, which calls {@link #fuzzerTestOneInput} with inputs of its
 * own.
 */
public final class FuzzSession {
  /** Target of {@link #fuzzerTestOneInput}. */
  private static final String TARGET = "finetune.fuzz.target";

  private FuzzSession() {}

  /** Reads one input of Jazzer's. */
  public static void fuzzerTestOneInput(byte[] input) {
    Jazzer.WATCH.check(input);
  }

  /**
   * Runs targets.
   *
   * @param arguments seconds for each target, the first seed, a folder for inputs that break one,
   *     and names of targets: all unless some are named
   */
  public static void main(String[] arguments) throws IOException {
    Duration time = Duration.ofSeconds(Long.parseLong(arguments[0]));
    long seed = Long.parseLong(arguments[1]);
    Path findings = Files.createDirectories(Path.of(arguments[2]));
    List<FuzzTarget> targets =
        arguments.length == 3
            ? FuzzTargets.list()
            : List.of(arguments).subList(3, arguments.length).stream()
                .map(FuzzTargets::named)
                .toList();
    int broken = 0;
    for (FuzzTarget target : targets) {
      broken += run(target, time, seed, findings) ? 0 : 1;
    }
    System.exit(broken == 0 ? 0 : 1);
  }

  private static boolean run(FuzzTarget target, Duration time, long seed, Path findings)
      throws IOException {
    long start = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    List<byte[]> seeds = target.seeds().get();
    InputWatch watch = new InputWatch(target, root(target));
    Path last = findings.resolve(target.name() + ".last");
    boolean sound = true;
    while (sound && System.nanoTime() - start < time.toNanos()) {
      byte[] input = target.mutation().mutate(seeds.get(random.nextInt(seeds.size())), random);
      // A native library may end the process.
      Files.write(last, input);
      sound = survives(target, watch, input, findings);
    }
    Files.delete(last);
    System.out.printf(
        Locale.ROOT,
        "%-24s %8d inputs %5d behaviours %5.0f s%n",
        target.name(),
        watch.inputs(),
        watch.behaviours(),
        (System.nanoTime() - start) / 1e9);
    return sound;
  }

  private static boolean survives(FuzzTarget target, InputWatch watch, byte[] input, Path findings)
      throws IOException {
    try {
      watch.check(input);
      return true;
    } catch (RuntimeException | Error e) {
      Path file =
          findings.resolve(
              target.name() + "-" + Integer.toHexString(java.util.Arrays.hashCode(input)));
      System.out.println(target.name() + " broke on " + Files.write(file, input));
      e.printStackTrace(System.out);
      return false;
    }
  }

  static Path root(FuzzTarget target) throws IOException {
    Path root = Files.createTempDirectory("fuzz-" + target.name());
    root.toFile().deleteOnExit();
    return root;
  }

  private static final class Jazzer {
    static final InputWatch WATCH = watch();

    private static InputWatch watch() {
      try {
        FuzzTarget target = FuzzTargets.named(System.getProperty(TARGET));
        InputWatch watch = new InputWatch(target, root(target));
        // Loading and instrumenting of classes is none of the target's doing.
        for (byte[] seed : target.seeds().get()) {
          watch.checkRead(seed);
        }
        return watch;
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }
}
