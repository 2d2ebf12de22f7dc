package dev.finetune.trainer.chaos;

import dev.finetune.trainer.recipe.Main;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoreOnDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A folder. To be kept at a moment, a process has a main class of the tests.
 *
 * @param root folder for the runs
 */
record FileStorage(Path root) implements KillStorage {
  @Override
  public String name() {
    return "file";
  }

  @Override
  public Access access(String run) {
    return new Access(uri(run), Main.class, Map.of());
  }

  private String uri(String run) {
    return "file:" + root.resolve(run);
  }

  @Override
  public Held hold(String run, List<String> requests) throws IOException {
    Path signs = Files.createTempDirectory(Files.createDirectories(root), "signs");
    Access access =
        new Access(
            uri(run),
            HeldTrainer.class,
            Map.of(
                HeldTrainer.REQUESTS,
                String.join("\n", requests),
                HeldTrainer.SIGNS,
                signs.toString()));
    return new HeldByFile(access, signs);
  }

  private record HeldByFile(Access access, Path signs) implements Held {
    @Override
    public boolean caught() {
      return Files.exists(signs.resolve(HeldTrainer.HELD));
    }

    @Override
    public void release() throws IOException {
      Files.writeString(signs.resolve(HeldTrainer.RELEASED), "");
    }
  }

  @Override
  public ObjectStore open(String run) {
    return StoreOnDisk.open(root.resolve(run), UnaryOperator.identity());
  }
}
