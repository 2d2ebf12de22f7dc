package dev.finetune.trainer.cache;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.math.BigDecimal;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The most bytes that a cache may hold. */
public final class CacheLimit {
  /** Variable with the limit: bytes, or a quantity such as {@code 20Gi}. */
  public static final String VARIABLE = "FINETUNE_CACHE_LIMIT";

  /** No limit but the disk. */
  public static final long NONE = Long.MAX_VALUE;

  private static final Pattern QUANTITY =
      Pattern.compile("(\\d{1,18}(?:\\.\\d{1,9})?)(k|Ki|[MGTPE]i?)?");

  private CacheLimit() {}

  /**
   * Returns the limit of a process in bytes, {@link #NONE} if none is set.
   *
   * @throws InvalidConfiguration if it is no size
   */
  public static long of(Map<String, String> environment) {
    String text = environment.get(VARIABLE);
    return text == null || text.isBlank() ? NONE : parse(text.strip());
  }

  private static long parse(String text) {
    Matcher quantity = QUANTITY.matcher(text);
    if (!quantity.matches()) {
      throw new InvalidConfiguration(
          VARIABLE + ": must be a number of bytes or a quantity such as 20Gi, was " + text);
    }
    BigDecimal bytes = new BigDecimal(quantity.group(1)).multiply(unit(quantity.group(2)));
    return bytes.min(BigDecimal.valueOf(NONE)).longValue();
  }

  private static BigDecimal unit(@Nullable String suffix) {
    if (suffix == null) {
      return BigDecimal.ONE;
    }
    int power = " kMGTPE".indexOf(suffix.replace('K', 'k').charAt(0));
    return BigDecimal.valueOf(suffix.endsWith("i") ? 1024 : 1000).pow(power);
  }
}
