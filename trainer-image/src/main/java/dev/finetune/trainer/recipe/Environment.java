package dev.finetune.trainer.recipe;

import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.LocalFolders;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a process is told beside its job: folders and who it works for. A pod gets it from the
 * operator; on a laptop there are defaults.
 *
 * @param variables variables of the process
 */
record Environment(Map<String, String> variables) {
  /** Variable with the UID of the FineTuneJob. */
  static final String OWNER = "FINETUNE_OWNER";

  /** Variable with a folder for files of this process. */
  static final String WORK = "FINETUNE_WORK";

  /** Variable with a folder for downloads. */
  static final String CACHE = "FINETUNE_CACHE";

  /** Variable that says where to compute: auto, cpu or cuda. */
  static final String DEVICE = "FINETUNE_DEVICE";

  private static final Path HOST_NAME = Path.of("/proc/sys/kernel/hostname");

  /** Returns who owns the run: the FineTuneJob, or this user on this machine. */
  String owner() {
    String owner = variables.get(OWNER);
    if (owner != null && !owner.isBlank()) {
      return owner;
    }
    return "local-" + System.getProperty("user.name") + "@" + hostName();
  }

  private static String hostName() {
    try {
      return Files.readString(HOST_NAME).strip();
    } catch (IOException e) {
      // Not Linux; the name only tells two machines of one user apart.
      return "localhost";
    }
  }

  /** Returns when this process began. */
  Instant processStart() {
    return Instant.ofEpochMilli(ManagementFactory.getRuntimeMXBean().getStartTime());
  }

  /** Returns where to compute. */
  DeviceChoice device() {
    String device = variable(DEVICE);
    return device == null ? DeviceChoice.AUTO : DeviceChoice.parse(DEVICE, device);
  }

  /** A folder for the files of one attempt. */
  record WorkFolder(Path path, boolean temporary) implements AutoCloseable {
    @Override
    public void close() {
      if (temporary) {
        LocalFolders.deleteQuietly(path);
      }
    }
  }

  /** Makes a folder for the files of this process; a temporary one goes when it is closed. */
  WorkFolder work() {
    String work = variables.get(WORK);
    try {
      return work == null || work.isBlank()
          ? new WorkFolder(Files.createTempDirectory("finetune-"), true)
          : new WorkFolder(Files.createDirectories(Path.of(work)), false);
    } catch (IOException e) {
      throw new StorageUnreachable("the work folder cannot be made: " + e.getMessage(), e);
    }
  }

  /** Returns a folder for downloads, kept from run to run; made when needed. */
  Path cache() {
    String cache = variables.get(CACHE);
    if (cache != null && !cache.isBlank()) {
      return Path.of(cache);
    }
    String home = variables.get("XDG_CACHE_HOME");
    Path base =
        home == null || home.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(home);
    return base.resolve("finetune").resolve("sources");
  }

  @Nullable String variable(String name) {
    String value = variables.get(name);
    return value == null || value.isBlank() ? null : value;
  }
}
