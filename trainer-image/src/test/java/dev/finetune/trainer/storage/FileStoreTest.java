package dev.finetune.trainer.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.ConditionalWrite.Unanswered;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileStoreTest extends ObjectStoreContract {
  @TempDir Path root;

  @Override
  ObjectStore open() {
    return FileStore.open(root);
  }

  @Test
  void twoStoresOnOneFolderSeeEachOther() {
    try (ObjectStore first = open();
        ObjectStore second = FileStore.open(root.resolve("../" + root.getFileName()))) {
      assertThat(first.putIfAbsent("k", bytes("1"))).isInstanceOf(ConditionalWrite.Written.class);
      assertThat(second.putIfAbsent("k", bytes("2")))
          .isInstanceOf(ConditionalWrite.PreconditionFailed.class);
    }
  }

  @Test
  void aFullDiskLeavesTheFormerObjectAndNamesThePath() throws IOException {
    try (ObjectStore good = open();
        ObjectStore full = FileStore.open(root, FullDisk::new)) {
      String etag = good.put("head.json", bytes("former"));
      Path large = Files.write(local.resolve("large"), new byte[200_000]);

      assertThatThrownBy(() -> full.put("head.json", new byte[100_000]))
          .isInstanceOf(StorageUnreachable.class)
          .hasMessageContaining(root.toRealPath() + "/head.json: No space left on device");
      assertThatThrownBy(() -> full.upload("new", large)).isInstanceOf(StorageUnreachable.class);
      assertThat(full.putIfMatch("head.json", new byte[100_000], etag))
          .isInstanceOf(Unanswered.class);
      assertThat(full.putIfAbsent("other", new byte[100_000])).isInstanceOf(Unanswered.class);

      assertThat(good.get("head.json", 100).orElseThrow().content()).isEqualTo(bytes("former"));
      assertThat(good.list("")).extracting(StoredObject::key).containsExactly("head.json");
      assertThat(leftovers()).isEmpty();
    }
  }

  @Test
  void aFullFileSystemLeavesTheFormerObject() throws Exception {
    Path mount = Files.createDirectory(local.resolve("tmpfs"));
    assumeThat(run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mount.toString()))
        .as("may mount a tmpfs here")
        .isZero();
    try (ObjectStore store = FileStore.open(mount)) {
      store.put("head.json", bytes("former"));
      assertThatThrownBy(() -> store.put("head.json", new byte[1_000_000]))
          .isInstanceOf(StorageUnreachable.class)
          .hasMessageContaining("head.json: No space left on device");
      assertThat(store.get("head.json", 100).orElseThrow().content()).isEqualTo(bytes("former"));
      store.put("head.json", bytes("after"));
      assertThat(store.list("")).hasSize(1);
    } finally {
      assertThat(run("umount", mount.toString())).isZero();
    }
  }

  @Test
  void refusesARootThatIsAFile() throws IOException {
    Path file = Files.writeString(local.resolve("file"), "x");
    assertThatThrownBy(() -> FileStore.open(file.resolve("runs")))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage("spec.storage.uri: must be a folder, but " + file + " is a file");
  }

  @Test
  void keepsItsPrivateFolderToItself() {
    try (ObjectStore store = open()) {
      assertThatThrownBy(() -> store.put(".finetune-store/lock", bytes("x")))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  private List<Path> leftovers() throws IOException {
    try (var files = Files.list(root.resolve(FileStore.PRIVATE_FOLDER))) {
      return files.filter(file -> !file.endsWith("lock")).toList();
    }
  }

  private static int run(String... command) throws IOException, InterruptedException {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getInputStream().readAllBytes();
      return process.waitFor(10, TimeUnit.SECONDS) ? process.exitValue() : -1;
    } catch (IOException e) {
      return -1;
    }
  }

  /** Takes 1000 bytes, then is full. */
  private static final class FullDisk implements WritableByteChannel {
    private final WritableByteChannel disk;
    private int left = 1000;

    FullDisk(WritableByteChannel disk) {
      this.disk = disk;
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
      if (left == 0) {
        throw new IOException("No space left on device");
      }
      int n = Math.min(left, bytes.remaining());
      disk.write(bytes.slice(bytes.position(), n));
      bytes.position(bytes.position() + n);
      left -= n;
      return n;
    }

    @Override
    public boolean isOpen() {
      return disk.isOpen();
    }

    @Override
    public void close() throws IOException {
      disk.close();
    }
  }
}
