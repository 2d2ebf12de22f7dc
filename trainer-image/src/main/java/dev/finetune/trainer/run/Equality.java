package dev.finetune.trainer.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How far the state of a run equals that of a run without interruptions.
 *
 * @param level the level of equality
 * @param differences what the attempts that the state comes from had different, oldest first; none
 *     if it is equal to the bit
 */
public record Equality(Level level, List<String> differences) {
  private static final int MOST_DIFFERENCES = 20;

  /** Levels of equality. */
  public enum Level {
    /** Adapter, moments and comparable metrics have the same bits. */
    @JsonProperty("bits")
    BITS,
    /** Batches and schedule are the same; sums were rounded in another order. */
    @JsonProperty("rounding")
    ROUNDING
  }

  /** Copies the list. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public Equality {
    differences = differences == null ? List.of() : List.copyOf(differences);
  }

  /** Returns the equality of a run that begins with step 1, or that nothing has changed in. */
  public static Equality ofBits() {
    return new Equality(Level.BITS, List.of());
  }

  /**
   * Returns the equality of a run that goes on.
   *
   * @param from attempt whose state it goes on from
   * @param record what that attempt left word of, or null if there is none that can be read
   * @param now how it goes on
   */
  public static Equality goingOn(int from, @Nullable AttemptRecord record, Computation now) {
    if (record == null) {
      return of(List.of(), List.of("nothing is known of how attempt " + from + " computed"));
    }
    return of(record.equality().differences(), now.differencesFrom(record.computation()));
  }

  private static Equality of(List<String> before, List<String> added) {
    Set<String> all = new LinkedHashSet<>(before);
    all.addAll(added);
    List<String> first = new ArrayList<>(all).subList(0, Math.min(MOST_DIFFERENCES, all.size()));
    return new Equality(first.isEmpty() ? Level.BITS : Level.ROUNDING, first);
  }

  /** Returns it for people: {@code to the bit}, or {@code to rounding} and why. */
  public String text() {
    return switch (level) {
      case BITS -> "to the bit";
      case ROUNDING ->
          String.format(Locale.ROOT, "to rounding (%s)", String.join("; ", differences));
    };
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  boolean isWhole() {
    return level != null && (level == Level.ROUNDING) == !differences.isEmpty();
  }
}
