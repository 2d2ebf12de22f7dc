package dev.finetune.trainer.evaluation;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Evaluations as tests need them. */
final class Points {
  private Points() {}

  /** Returns one of a held-out loss. */
  static EvaluationPoint loss(int step, double loss) {
    return point(step, 1.0, loss, Map.of(), null);
  }

  static EvaluationPoint general(int step, double loss, double general) {
    return point(step, 1.0, loss, Map.of(), general);
  }

  static EvaluationPoint metric(int step, String name, double value) {
    return point(step, 1.0, 1.0, Map.of(name, value), null);
  }

  static EvaluationPoint answered(int step, String answer) {
    return new EvaluationPoint(
        step, 1.0, 1.0, new TreeMap<>(), null, List.of(new Sample("Hello", answer)), null);
  }

  static EvaluationPoint point(
      int step,
      @Nullable Double train,
      @Nullable Double loss,
      Map<String, Double> metrics,
      @Nullable Double general) {
    return new EvaluationPoint(step, train, loss, new TreeMap<>(metrics), general, null, null);
  }

  /** Returns one evaluation every 10 steps. */
  static List<EvaluationPoint> curve(double[] train, double[] heldOut) {
    List<EvaluationPoint> points = new ArrayList<>();
    for (int i = 0; i < heldOut.length; i++) {
      points.add(point(10 * i, i == 0 ? null : train[i - 1], heldOut[i], Map.of(), null));
    }
    return points;
  }
}
