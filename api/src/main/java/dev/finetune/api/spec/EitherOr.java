package dev.finetune.api.spec;

import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The rules over several fields, in Java. Each stands beside a CEL rule of the same message on the
 * record, which names the field too; that the pairs are complete and agree is tested.
 */
final class EitherOr {
  static final String EVAL = "only one of eval and evalFraction may be set";
  static final String EPOCHS = "only one of epochs and maxSteps may be set";
  static final String WARMUP = "only one of warmupSteps and warmupRatio may be set";
  static final String CONSTANT =
      "must be constantWithWarmup when warmupSteps or warmupRatio is above 0";
  static final String PLATEAU = "must be set when schedule is reduceOnPlateau";
  static final String INIT = "must be default or absent when initFrom is set";
  static final String BLOCK_SIZE = "must be a power of two from 32 to 4096";
  static final String VALUE = "only one of value and valueFrom may be set";
  static final String KEY_REFERENCE = "exactly one of secretKeyRef and configMapKeyRef must be set";
  static final String WITHOUT_KEY = "must be Exists when key is absent or empty";
  static final String WITH_EXISTS = "must be absent when operator is Exists";
  static final String SECONDS = "may only be set when effect is NoExecute";

  private static final List<Rule<?>> RULES =
      List.of(
          rule(Dataset.class, EVAL, it -> it.eval() == null || it.evalFraction() == null),
          rule(Training.class, EPOCHS, it -> it.epochs() == null || it.maxSteps() == null),
          rule(Training.class, WARMUP, it -> it.warmupSteps() == null || it.warmupRatio() == null),
          rule(Training.class, CONSTANT, it -> it.schedule() != Schedule.CONSTANT || !warms(it)),
          rule(
              Training.class,
              PLATEAU,
              it -> it.schedule() != Schedule.REDUCE_ON_PLATEAU || it.evalEverySteps() != null),
          rule(
              Adapter.class, INIT, it -> it.initFrom() == null || it.init() == AdapterInit.DEFAULT),
          rule(Quantization.class, BLOCK_SIZE, it -> isBlockSize(it.blockSize())),
          rule(
              EnvironmentVariable.class, VALUE, it -> it.value() == null || it.valueFrom() == null),
          rule(
              EnvironmentVariableSource.class,
              KEY_REFERENCE,
              it -> (it.secretKeyRef() == null) != (it.configMapKeyRef() == null)),
          rule(Toleration.class, WITHOUT_KEY, it -> !isBlank(it.key()) || isExists(it)),
          rule(Toleration.class, WITH_EXISTS, it -> isBlank(it.value()) || !isExists(it)),
          rule(
              Toleration.class,
              SECONDS,
              it -> it.tolerationSeconds() == null || "NoExecute".equals(it.effect())));

  private EitherOr() {}

  /** Returns whether a record satisfies the rule with this message. */
  static boolean holds(String message, Record record) {
    for (Rule<?> rule : RULES) {
      if (rule.type.isInstance(record) && rule.message.equals(message)) {
        return rule.holds(record);
      }
    }
    throw new IllegalStateException(
        record.getClass().getSimpleName() + " has a rule without a Java form: " + message);
  }

  private static boolean isBlockSize(int size) {
    return size >= 32 && size <= 4096 && Integer.bitCount(size) == 1;
  }

  private static boolean warms(Training training) {
    Integer steps = training.warmupSteps();
    Double ratio = training.warmupRatio();
    return (steps != null && steps > 0) || (ratio != null && ratio > 0);
  }

  private static boolean isExists(Toleration toleration) {
    return "Exists".equals(toleration.operator());
  }

  private static boolean isBlank(@Nullable String text) {
    return text == null || text.isEmpty();
  }

  private static <T extends Record> Rule<T> rule(
      Class<T> type, String message, Predicate<T> predicate) {
    return new Rule<>(type, message, predicate);
  }

  private record Rule<T extends Record>(Class<T> type, String message, Predicate<T> predicate) {
    boolean holds(Record record) {
      return predicate.test(type.cast(record));
    }
  }
}
