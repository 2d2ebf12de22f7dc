package dev.finetune.trainer.fuzz;

import dev.finetune.trainer.chaos.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever a reader of foreign bytes is given, it reads, or it refuses in words for a person:
 * within bounds of time and memory, and without a file outside its folder.
 */
@Tag("chaos")
class FuzzTest {
  /** Inputs that broke a reader once, by target. */
  private static final Path FOUND = Path.of("src/test/resources/fuzz");

  private static final int INPUTS = 60;
  private static final int INPUTS_LONG = 10_000;

  @TempDir Path root;

  static List<FuzzTarget> targets() {
    return FuzzTargets.list();
  }

  @ParameterizedTest
  @MethodSource("targets")
  void readsItsValidInputs(FuzzTarget target) throws IOException {
    InputWatch watch = new InputWatch(target, root);
    for (byte[] seed : target.seeds().get()) {
      watch.checkRead(seed);
    }
  }

  @ParameterizedTest
  @MethodSource("targets")
  @Timeout(value = 20, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void readsOrRefusesMutatedInputs(FuzzTarget target) {
    InputWatch watch = new InputWatch(target, root);
    SplittableRandom random = new SplittableRandom(1);
    List<byte[]> seeds = target.seeds().get();
    int inputs = "long".equals(System.getProperty("chaos")) ? INPUTS_LONG : INPUTS;
    for (int i = 0; i < inputs; i++) {
      byte[] seed = seeds.get(random.nextInt(seeds.size()));
      watch.check(target.mutation().mutate(seed, random));
    }
    Tally.add("hostile inputs read or refused", target.name(), inputs);
  }

  @ParameterizedTest
  @MethodSource("targets")
  void readsOrRefusesWhatBrokeItOnce(FuzzTarget target) throws IOException {
    Path found = FOUND.resolve(target.name());
    if (!Files.isDirectory(found)) {
      return;
    }
    InputWatch watch = new InputWatch(target, root);
    try (Stream<Path> files = Files.list(found)) {
      for (Path file : files.sorted().toList()) {
        watch.check(Files.readAllBytes(file));
      }
    }
  }
}
