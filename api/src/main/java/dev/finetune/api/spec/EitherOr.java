package dev.finetune.api.spec;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
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
  static final String CYCLES =
      "cycles may only be set when schedule is cosine, cosineWithRestarts or cosineWithMinLr";
  static final String LEAST_RATIO =
      "minLearningRateRatio may only be set when schedule is cosineWithMinLr or warmupStableDecay";
  static final String POLYNOMIAL =
      "endLearningRate and power may only be set when schedule is polynomial";
  static final String TIMESCALE = "timescale may only be set when schedule is inverseSqrt";
  static final String STABLE_DECAY =
      "decaySteps, decayShape and warmupShape may only be set when schedule is warmupStableDecay";
  static final String PLATEAU_OPTIONS =
      "factor, patience, threshold, cooldown and minLearningRate may only be set when schedule is reduceOnPlateau";
  static final String END_RATE = "must be below learningRate, also by its default of 1e-7";
  static final String ADAM =
      "beta1, beta2 and epsilon may only be set when optimizer is AdamW or AdamW8bit";
  static final String MOMENTUM = "momentum may only be set when optimizer is SGD";
  static final String HELD_OUT =
      "needs held-out rows: dataset.eval, or dataset.evalFraction above 0";
  static final String PACKING = "may only be true when format is text";
  static final String CHAT_TEMPLATE = "may only be set when format is chat";
  static final String CLASS_WEIGHTS = "must be absent when balanced is true";
  static final String REPLAY = "must be set when replayShare is above 0";
  static final String GENERAL = "must be set when maxLossIncrease is set";
  static final String CLASSIFICATION =
      "may only be set when task is SequenceClassification or TokenClassification";
  static final String EVALUATION = "needs training.evalEverySteps";
  static final String INIT = "must be default or absent when initFrom is set";
  static final String BLOCK_SIZE = "must be a power of two from 32 to 4096";
  static final String VALUE = "only one of value and valueFrom may be set";
  static final String KEY_REFERENCE = "exactly one of secretKeyRef and configMapKeyRef must be set";
  static final String CACHE = "exactly one of claimName and emptyDir must be set";
  static final String WITHOUT_KEY = "must be Exists when key is absent or empty";
  static final String WITH_EXISTS = "must be absent when operator is Exists";
  static final String SECONDS = "may only be set when effect is NoExecute";

  private static final Set<Schedule> WITH_CYCLES =
      EnumSet.of(Schedule.COSINE, Schedule.COSINE_WITH_RESTARTS, Schedule.COSINE_WITH_MIN_LR);
  private static final Set<Schedule> WITH_LEAST_RATIO =
      EnumSet.of(Schedule.COSINE_WITH_MIN_LR, Schedule.WARMUP_STABLE_DECAY);

  private static final List<Rule<?>> RULES =
      List.of(
          rule(Dataset.class, EVAL, it -> it.eval() == null || it.evalFraction() == null),
          rule(
              Dataset.class,
              PACKING,
              it -> !Boolean.TRUE.equals(it.packing()) || it.format() == DatasetFormat.TEXT),
          rule(
              Dataset.class,
              CHAT_TEMPLATE,
              it -> it.chatTemplate() == null || it.format() == DatasetFormat.CHAT),
          rule(
              Classification.class,
              CLASS_WEIGHTS,
              it -> it.classWeights() == null || !it.balanced()),
          rule(Forgetting.class, REPLAY, it -> it.replayShare() == 0 || it.replay() != null),
          rule(
              Forgetting.class,
              GENERAL,
              it -> it.maxLossIncrease() == null || it.general() != null),
          rule(
              FineTuneJobSpec.class,
              CLASSIFICATION,
              it -> it.classification() == null || it.task() != Task.CAUSAL_LM),
          rule(
              FineTuneJobSpec.class,
              EVALUATION,
              it -> it.evaluation() == null || it.training().evalEverySteps() != null),
          rule(Training.class, EPOCHS, it -> it.epochs() == null || it.maxSteps() == null),
          rule(Training.class, WARMUP, it -> it.warmupSteps() == null || it.warmupRatio() == null),
          rule(Training.class, CONSTANT, it -> it.schedule() != Schedule.CONSTANT || !warms(it)),
          rule(
              Training.class,
              PLATEAU,
              it -> it.schedule() != Schedule.REDUCE_ON_PLATEAU || it.evalEverySteps() != null),
          rule(Training.class, CYCLES, it -> fits(it, WITH_CYCLES, o -> o.cycles() != null)),
          rule(
              Training.class,
              LEAST_RATIO,
              it -> fits(it, WITH_LEAST_RATIO, o -> o.minLearningRateRatio() != null)),
          rule(
              Training.class,
              POLYNOMIAL,
              it ->
                  fits(
                      it,
                      EnumSet.of(Schedule.POLYNOMIAL),
                      o -> o.endLearningRate() != null || o.power() != null)),
          rule(
              Training.class,
              TIMESCALE,
              it -> fits(it, EnumSet.of(Schedule.INVERSE_SQRT), o -> o.timescale() != null)),
          rule(
              Training.class,
              STABLE_DECAY,
              it -> fits(it, EnumSet.of(Schedule.WARMUP_STABLE_DECAY), EitherOr::shapesDecay)),
          rule(
              Training.class,
              PLATEAU_OPTIONS,
              it -> fits(it, EnumSet.of(Schedule.REDUCE_ON_PLATEAU), EitherOr::shapesPlateau)),
          rule(Training.class, END_RATE, EitherOr::endsBelowThePeak),
          rule(Training.class, ADAM, it -> !setsAdam(it.optimizerOptions()) || isAdam(it)),
          rule(
              Training.class,
              MOMENTUM,
              it ->
                  it.optimizerOptions() == null
                      || it.optimizerOptions().momentum() == null
                      || it.optimizer() == Optimizer.SGD),
          rule(FineTuneJobSpec.class, HELD_OUT, EitherOr::holdsOutIfItEvaluates),
          rule(
              Adapter.class, INIT, it -> it.initFrom() == null || it.init() == AdapterInit.DEFAULT),
          rule(Quantization.class, BLOCK_SIZE, it -> isBlockSize(it.blockSize())),
          rule(
              EnvironmentVariable.class, VALUE, it -> it.value() == null || it.valueFrom() == null),
          rule(
              EnvironmentVariableSource.class,
              KEY_REFERENCE,
              it -> (it.secretKeyRef() == null) != (it.configMapKeyRef() == null)),
          rule(Cache.class, CACHE, it -> (it.claimName() == null) != (it.emptyDir() == null)),
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

  /** Returns whether options that only some schedules have are absent from the others. */
  private static boolean fits(
      Training training, Set<Schedule> owners, Predicate<ScheduleOptions> isSet) {
    ScheduleOptions options = training.scheduleOptions();
    return options == null || owners.contains(training.schedule()) || !isSet.test(options);
  }

  private static boolean shapesDecay(ScheduleOptions options) {
    return options.decaySteps() != null
        || options.decayShape() != null
        || options.warmupShape() != null;
  }

  private static boolean shapesPlateau(ScheduleOptions options) {
    return options.factor() != null
        || options.patience() != null
        || options.threshold() != null
        || options.cooldown() != null
        || options.minLearningRate() != null;
  }

  private static boolean endsBelowThePeak(Training training) {
    if (training.schedule() != Schedule.POLYNOMIAL) {
      return true;
    }
    ScheduleOptions options = training.scheduleOptions();
    Double end = options == null ? null : options.endLearningRate();
    return (end == null ? ScheduleOptions.END_LEARNING_RATE : end) < training.learningRate();
  }

  private static boolean setsAdam(@Nullable OptimizerOptions options) {
    return options != null
        && (options.beta1() != null || options.beta2() != null || options.epsilon() != null);
  }

  private static boolean isAdam(Training training) {
    return training.optimizer() == Optimizer.ADAM_W
        || training.optimizer() == Optimizer.ADAM_W_8BIT;
  }

  private static boolean holdsOutIfItEvaluates(FineTuneJobSpec spec) {
    Dataset data = spec.dataset();
    if (spec.training().evalEverySteps() == null || data == null) {
      return true;
    }
    Double fraction = data.evalFraction();
    return data.eval() != null || (fraction != null && fraction > 0);
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
