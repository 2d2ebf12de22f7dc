package dev.finetune.trainer.plan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How much memory tensors, and what lies beside them, may use.
 *
 * @param bytes the limit
 * @param source who sets it, for a person
 * @param place whose memory it is
 */
public record MemoryLimit(long bytes, String source, Place place) {
  /** Whose memory tensors lie in. */
  public enum Place {
    /** The process's own. */
    PROCESS,
    /** A GPU's; the process has memory of its own besides. */
    GPU
  }

  /** Makes the limit of a process. */
  public MemoryLimit(long bytes, String source) {
    this(bytes, source, Place.PROCESS);
  }

  private static final Pattern TOTAL = Pattern.compile("MemTotal:\\s+(\\d+) kB");

  /** Version 1 of control groups says no limit by a number beyond any machine. */
  private static final long NO_LIMIT = 1L << 60;

  /**
   * Returns the limit of this process: the least of its control groups, version 1 or 2, and of the
   * machine's memory.
   */
  public static MemoryLimit ofProcess() {
    return of(Path.of("/"));
  }

  /** Returns the limit by the files below a folder that stands for the root of the system. */
  static MemoryLimit of(Path root) {
    List<MemoryLimit> limits = new ArrayList<>();
    Matcher total = TOTAL.matcher(text(root.resolve("proc/meminfo")));
    if (total.find()) {
      limits.add(new MemoryLimit(Long.parseLong(total.group(1)) * 1024, "the machine's memory"));
    }
    for (String line : text(root.resolve("proc/self/cgroup")).split("\n")) {
      String[] fields = line.split(":", 3);
      if (fields.length == 3 && fields[0].equals("0") && fields[1].isEmpty()) {
        addGroup(limits, root.resolve("sys/fs/cgroup"), fields[2], "memory.max");
      } else if (fields.length == 3 && List.of(fields[1].split(",")).contains("memory")) {
        addGroup(limits, root.resolve("sys/fs/cgroup/memory"), fields[2], "memory.limit_in_bytes");
      }
    }
    return limits.stream()
        .min(Comparator.comparingLong(MemoryLimit::bytes))
        .orElse(new MemoryLimit(Long.MAX_VALUE, "unknown"));
  }

  /** A group is bound by its own limit and by those of all groups around it. */
  private static void addGroup(List<MemoryLimit> limits, Path mount, String group, String file) {
    @Nullable Path folder = mount.resolve(group.substring(Math.min(1, group.length()))).normalize();
    while (folder != null && folder.startsWith(mount)) {
      String text = text(folder.resolve(file)).strip();
      if (text.matches("\\d{1,18}") && Long.parseLong(text) < NO_LIMIT) {
        limits.add(new MemoryLimit(Long.parseLong(text), "the control group's " + file));
      }
      folder = folder.getParent();
    }
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      // Systems differ in which of these files they have; one that is not there sets no limit.
      return "";
    }
  }
}
