package dev.finetune.trainer.run;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoredObject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Metrics that former attempts of a run left, read back. */
final class EarlierMetrics {
  private static final Pattern PART =
      Pattern.compile("attempt-(\\d{4,9})/metrics-(\\d{8,9})\\.jsonl");
  private static final int MAX_BYTES = 4 << 20;

  private final RunFolder run;

  EarlierMetrics(RunFolder run) {
    this.run = run;
  }

  /** A part: the steps of an attempt after the last one of the part before. */
  private record Part(int attempt, int lastStep, String key) {}

  /**
   * Returns the lines, ascending by attempt, then by step, so that of a step that ran twice the
   * later line counts.
   *
   * @param before attempts from this one on are left out
   * @param lastStep parts that begin after this step are left out
   */
  List<String> read(int before, int lastStep) {
    ObjectStore store = run.patient();
    List<String> lines = new ArrayList<>();
    int attempt = 0;
    int previous = 0;
    for (Part part : parts(store)) {
      previous = part.attempt() == attempt ? previous : 0;
      attempt = part.attempt();
      if (attempt < before && previous < lastStep) {
        lines.addAll(lines(store, part));
      }
      previous = part.lastStep();
    }
    return lines;
  }

  private List<Part> parts(ObjectStore store) {
    List<Part> parts = new ArrayList<>();
    for (StoredObject object : store.list(run.folder())) {
      Matcher name = PART.matcher(object.key().substring(run.folder().length()));
      if (name.matches()) {
        parts.add(
            new Part(
                Integer.parseInt(name.group(1)), Integer.parseInt(name.group(2)), object.key()));
      }
    }
    parts.sort(Comparator.comparingInt(Part::attempt).thenComparingInt(Part::lastStep));
    return parts;
  }

  /** Metrics are for people: a part that is broken or gone is told of and ends nothing. */
  private List<String> lines(ObjectStore store, Part part) {
    try {
      return store
          .get(part.key(), MAX_BYTES)
          .map(document -> new String(document.content(), StandardCharsets.UTF_8).lines().toList())
          .orElse(List.of());
    } catch (UnreadableData e) {
      run.settings().notices().accept("metrics of former steps are left out: " + e.getMessage());
      return List.of();
    }
  }
}
