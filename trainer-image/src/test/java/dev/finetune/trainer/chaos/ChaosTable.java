package dev.finetune.trainer.chaos;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Prints the table of what was survived, from the file that {@link Tally} wrote. */
public final class ChaosTable {
  private ChaosTable() {}

  /** Prints the table of the file that is the one argument. */
  public static void main(String[] arguments) throws IOException {
    SortedMap<String, SortedMap<String, Long>> rows = new TreeMap<>();
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] fields = line.split("\t");
      rows.computeIfAbsent(fields[0], _ -> new TreeMap<>())
          .merge(fields[1], Long.parseLong(fields[2]), Long::sum);
    }
    System.out.println();
    for (Map.Entry<String, SortedMap<String, Long>> row : rows.entrySet()) {
      long sum = row.getValue().values().stream().mapToLong(Long::longValue).sum();
      System.out.printf("%-62s %,9d%n", row.getKey(), sum);
      if (row.getValue().size() > 1) {
        row.getValue().forEach((detail, n) -> System.out.printf("  %-60s %,9d%n", detail, n));
      }
    }
  }
}
