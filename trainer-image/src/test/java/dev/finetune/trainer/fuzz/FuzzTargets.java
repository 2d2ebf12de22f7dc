package dev.finetune.trainer.fuzz;

import java.util.ArrayList;
import java.util.List;

/** All targets. */
final class FuzzTargets {
  private static final List<FuzzTarget> ALL = all();

  private FuzzTargets() {}

  private static List<FuzzTarget> all() {
    List<FuzzTarget> targets = new ArrayList<>(ModelTargets.all());
    targets.addAll(ModelTargets.dataSets());
    targets.addAll(RowTargets.all());
    targets.addAll(RunTargets.all());
    targets.addAll(JobTargets.all());
    return List.copyOf(targets);
  }

  /** Returns the targets, in a fixed order. */
  static List<FuzzTarget> list() {
    return ALL;
  }

  static FuzzTarget named(String name) {
    return ALL.stream()
        .filter(target -> target.name().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException("no target '" + name + "', there are " + ALL));
  }
}
