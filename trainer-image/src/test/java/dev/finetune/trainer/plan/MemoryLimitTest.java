package dev.finetune.trainer.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryLimitTest {
  @TempDir private Path root;

  @Test
  void theMachinesMemoryIsTheLimitWithoutAGroup() throws IOException {
    write("proc/meminfo", "MemTotal:       24682496 kB\nMemFree: 1 kB\n");
    write("proc/self/cgroup", "0::/\n");
    assertThat(MemoryLimit.of(root))
        .isEqualTo(new MemoryLimit(24682496L * 1024, "the machine's memory"));
  }

  @Test
  void theLeastLimitOfTheGroupsAroundTheProcessCountsInVersion2() throws IOException {
    write("proc/meminfo", "MemTotal: 24682496 kB\n");
    write("proc/self/cgroup", "0::/kubepods/pod1/container\n");
    write("sys/fs/cgroup/kubepods/pod1/container/memory.max", "max\n");
    write("sys/fs/cgroup/kubepods/pod1/memory.max", "4294967296\n");
    write("sys/fs/cgroup/kubepods/memory.max", "8589934592\n");
    assertThat(MemoryLimit.of(root))
        .isEqualTo(new MemoryLimit(4294967296L, "the control group's memory.max"));
  }

  @Test
  void aContainerSeesItsGroupAsTheRoot() throws IOException {
    write("proc/self/cgroup", "0::/\n");
    write("sys/fs/cgroup/memory.max", "1073741824\n");
    assertThat(MemoryLimit.of(root).bytes()).isEqualTo(1 << 30);
  }

  @Test
  void readsVersion1AndItsNumberForNoLimit() throws IOException {
    write("proc/meminfo", "MemTotal: 1000000 kB\n");
    write("proc/self/cgroup", "5:devices:/\n4:memory:/a/b\n0::/\n");
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "536870912\n");
    assertThat(MemoryLimit.of(root))
        .isEqualTo(new MemoryLimit(536870912, "the control group's memory.limit_in_bytes"));
  }

  @Test
  void aGroupDoesNotLeadOutOfTheMount() throws IOException {
    write("proc/meminfo", "MemTotal: 1000 kB\n");
    write("proc/self/cgroup", "0::/../../../outside\n");
    write("outside/memory.max", "1\n");
    assertThat(MemoryLimit.of(root).bytes()).isEqualTo(1024000);
  }

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }
}
