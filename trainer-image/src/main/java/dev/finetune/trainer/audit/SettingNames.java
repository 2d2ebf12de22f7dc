package dev.finetune.trainer.audit;

/**
 * What the settings are called where the user wrote them.
 *
 * @param maxLength the greatest length
 * @param tooLong what is done about a row that is longer
 * @param unsupervised what is done about a row without a token to learn
 * @param broken what is done about a row that cannot be read
 * @param duplicate what is done about a row that repeats an earlier one
 * @param leaked what is done about a row that is held out too
 */
public record SettingNames(
    String maxLength,
    String tooLong,
    String unsupervised,
    String broken,
    String duplicate,
    String leaked) {
  /** The fields of a FineTuneJob. */
  public static final SettingNames OF_JOB =
      new SettingNames(
          "spec.training.maxLength",
          "spec.dataset.onProblem.tooLong",
          "spec.dataset.onProblem.unsupervised",
          "spec.dataset.onProblem.broken",
          "spec.dataset.onProblem.duplicate",
          "spec.dataset.onProblem.leaked");

  /** The options of a command line. */
  public static final SettingNames OF_OPTIONS =
      new SettingNames(
          "--max-length", "--too-long", "--unsupervised", "--broken", "--duplicate", "--leaked");

  String of(Problem problem) {
    return switch (problem) {
      case TOO_LONG -> tooLong;
      case UNSUPERVISED -> unsupervised;
      case BROKEN -> broken;
      case DUPLICATE -> duplicate;
      case LEAKED -> leaked;
    };
  }
}
