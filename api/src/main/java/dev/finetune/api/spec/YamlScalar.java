package dev.finetune.api.spec;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.math.BigInteger;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What an unquoted YAML scalar means to kubectl, which reads YAML 1.1 with the numbers of Go:
 * {@code 2e-4} is a number, {@code on} is true, {@code 0o10} is eight. Java's YAML 1.1 differs in
 * all three, and one file must mean the same on a laptop and in a cluster.
 */
final class YamlScalar {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final Set<String> NULL = Set.of("", "~", "null", "Null", "NULL");
  private static final Set<String> TRUE =
      Set.of("true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON");
  private static final Set<String> FALSE =
      Set.of("false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF");
  private static final Pattern INTEGER =
      Pattern.compile("([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)");
  private static final Pattern FLOAT =
      Pattern.compile("[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?");
  private static final Pattern NOT_FINITE =
      Pattern.compile("[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)");

  /**
   * Longer than any number that a double holds; what is longer is text, and costs no arithmetic.
   */
  private static final int LONGEST_NUMBER = 400;

  private YamlScalar() {}

  /** Returns the value as JSON has it; not a number or infinite is kept, to be refused by name. */
  static JsonNode resolve(String text) {
    if (NULL.contains(text)) {
      return NODES.nullNode();
    }
    if (TRUE.contains(text) || FALSE.contains(text)) {
      return NODES.booleanNode(TRUE.contains(text));
    }
    JsonNode number = number(text);
    return number == null ? NODES.textNode(text) : number;
  }

  private static @Nullable JsonNode number(String text) {
    if (text.length() > LONGEST_NUMBER) {
      return null;
    }
    if (NOT_FINITE.matcher(text).matches()) {
      return NODES.numberNode(notFinite(text.toLowerCase(Locale.ROOT)));
    }
    String digits = text.replace("_", "");
    var integer = INTEGER.matcher(digits);
    if (integer.matches()) {
      return integer(integer.group(1), integer.group(2).toLowerCase(Locale.ROOT));
    }
    return FLOAT.matcher(digits).matches() ? NODES.numberNode(Double.parseDouble(digits)) : null;
  }

  private static double notFinite(String text) {
    if (text.endsWith("nan")) {
      return Double.NaN;
    }
    return text.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
  }

  private static JsonNode integer(String sign, String digits) {
    BigInteger magnitude;
    if (digits.startsWith("0x")) {
      magnitude = new BigInteger(digits.substring(2), 16);
    } else if (digits.startsWith("0b")) {
      magnitude = new BigInteger(digits.substring(2), 2);
    } else if (digits.length() > 1 && digits.startsWith("0")) {
      magnitude = new BigInteger(digits.substring(digits.startsWith("0o") ? 2 : 1), 8);
    } else {
      magnitude = new BigInteger(digits);
    }
    BigInteger value = sign.equals("-") ? magnitude.negate() : magnitude;
    if (value.bitLength() < Integer.SIZE) {
      return NODES.numberNode(value.intValue());
    }
    return value.bitLength() < Long.SIZE
        ? NODES.numberNode(value.longValue())
        : NODES.numberNode(value);
  }
}
