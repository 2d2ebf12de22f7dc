package dev.finetune.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the system says of this process. */
final class ProcessMeter {
  /** Clock ticks a second in what the kernel tells programs. */
  private static final double TICKS = 100;

  private static final int USER_TIME = 11;
  private static final int SYSTEM_TIME = 12;
  private static final int START_TIME = 19;

  private ProcessMeter() {}

  /** Returns the seconds since the process was started, to 10 ms. */
  static double secondsSinceStart() throws IOException {
    String uptime = Files.readString(Path.of("/proc/uptime"), StandardCharsets.US_ASCII);
    double now = Double.parseDouble(uptime.substring(0, uptime.indexOf(' ')));
    return now - Long.parseLong(stat()[START_TIME]) / TICKS;
  }

  /** Returns the processor seconds that the process has used, to 10 ms. */
  static double cpuSeconds() throws IOException {
    String[] stat = stat();
    return (Long.parseLong(stat[USER_TIME]) + Long.parseLong(stat[SYSTEM_TIME])) / TICKS;
  }

  /** Returns the most memory that was ever resident, in MiB. */
  static double peakMebibytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
      }
    }
    throw new IOException("/proc/self/status: expected a line VmHWM, found none");
  }

  /** Returns the fields after the name, which may hold spaces; the first is the state. */
  private static String[] stat() throws IOException {
    String line = Files.readString(Path.of("/proc/self/stat"), StandardCharsets.UTF_8);
    return line.substring(line.lastIndexOf(')') + 2).trim().split(" ");
  }
}
