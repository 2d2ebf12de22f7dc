package dev.finetune.trainer.adapter;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Which linear layers get an adapter, and how PEFT is told so.
 *
 * @param modules full names of the layers, in the order of the model
 * @param pattern regular expression for {@code target_modules}, or empty if {@code names} is used
 * @param names sorted names or suffixes for {@code target_modules}
 */
public record TargetModules(List<String> modules, String pattern, List<String> names) {
  /** Entry that stands for every linear layer but the output layer. */
  public static final String ALL_LINEAR = "all-linear";

  private static final String FIELD = "spec.adapter.targetModules";
  private static final Pattern REGEX_CHARACTERS = Pattern.compile("[\\\\^$*+?()\\[\\]{}|]");
  private static final int LONGEST_PATTERN = 512;
  private static final long DEADLINE_NANOS = 1_000_000_000L;

  /**
   * Resolves the entries of a job.
   *
   * @param entries suffixes of names, {@code all-linear}, or regular expressions that match a whole
   *     name; what has regex characters other than dots is one
   * @param linears names of the model's linear layers, such as {@code
   *     model.layers.0.self_attn.q_proj}
   * @throws InvalidConfiguration if an entry matches no layer or is no regular expression
   */
  public static TargetModules resolve(List<String> entries, List<String> linears) {
    Set<String> matched = new LinkedHashSet<>();
    Set<String> suffixes = new TreeSet<>();
    boolean expressions = false;
    for (int i = 0; i < entries.size(); i++) {
      String entry = entries.get(i);
      String field = FIELD + "[" + i + "]";
      List<String> found = matches(field, entry, linears);
      if (found.isEmpty()) {
        throw new InvalidConfiguration(
            "%s: must match a linear layer of the model, '%s' matches none; it has %s"
                .formatted(field, entry, String.join(", ", lastParts(linears))));
      }
      matched.addAll(found);
      expressions |= isExpression(entry);
      suffixes.addAll(entry.equals(ALL_LINEAR) ? lastParts(linears) : List.of(entry));
    }
    List<String> modules = linears.stream().filter(matched::contains).toList();
    if (!expressions) {
      return new TargetModules(modules, "", List.copyOf(suffixes));
    }
    // PEFT takes one expression or a list of names, and no list of expressions.
    return entries.size() == 1
        ? new TargetModules(modules, entries.getFirst(), List.of())
        : new TargetModules(modules, "", List.copyOf(new TreeSet<>(modules)));
  }

  private static List<String> matches(String field, String entry, List<String> linears) {
    if (entry.equals(ALL_LINEAR)) {
      return linears;
    }
    if (!isExpression(entry)) {
      return linears.stream()
          .filter(name -> name.equals(entry) || name.endsWith("." + entry))
          .toList();
    }
    Pattern pattern = compile(field, entry);
    long deadline = System.nanoTime() + DEADLINE_NANOS;
    return linears.stream()
        .filter(name -> pattern.matcher(new TimedText(field, name, deadline)).matches())
        .toList();
  }

  private static boolean isExpression(String entry) {
    return REGEX_CHARACTERS.matcher(entry).find();
  }

  private static Pattern compile(String field, String entry) {
    if (entry.length() > LONGEST_PATTERN) {
      throw new InvalidConfiguration(
          "%s: must have at most %d characters, has %d"
              .formatted(field, LONGEST_PATTERN, entry.length()));
    }
    try {
      return Pattern.compile(entry);
    } catch (PatternSyntaxException e) {
      throw new InvalidConfiguration(
          "%s: must be a regular expression, '%s' is none: %s"
              .formatted(field, entry, e.getDescription()),
          e);
    }
  }

  private static Set<String> lastParts(List<String> linears) {
    Set<String> parts = new TreeSet<>();
    linears.forEach(name -> parts.add(name.substring(name.lastIndexOf('.') + 1)));
    return parts;
  }

  /** A text that gives up when read after a deadline: an expression may backtrack for ever. */
  private record TimedText(String field, String text, long deadline) implements CharSequence {
    @Override
    public char charAt(int index) {
      if (System.nanoTime() > deadline) {
        throw new InvalidConfiguration(
            field + ": the regular expression takes more than a second; make it simpler");
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.substring(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
