package dev.finetune.trainer.audit;

import dev.finetune.api.spec.OnProblem;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ReadRow;
import dev.finetune.trainer.data.RowId;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Looks at the rows of one data set one after another and does with each what the policy says. It
 * keeps no row, only a hash of each. Labels are as many as a head may have outputs.
 *
 * <p>A row has every problem that it has, except that what is left out is looked at no further. The
 * problems of a row that is cut are those of what is left of it.
 */
public final class RowAudit {
  private final Role role;
  private final String source;
  private final AuditSettings settings;
  private final ContentHashes heldOut;
  private final ContentHashes seen = new ContentHashes();
  private final LengthCounts lengths = new LengthCounts();
  private final Map<Problem, FoundRows.Collector> problems = new EnumMap<>(Problem.class);
  private final Map<Note, FoundRows.Collector> notes = new EnumMap<>(Note.class);
  private final SortedMap<String, Long> labels = new TreeMap<>();
  private int rows;
  private int kept;
  private long tokens;
  private long supervisedTokens;
  private @Nullable String firstBroken;
  private @Nullable String unreadable;

  /**
   * Makes one for rows to hold out, or to train on if none is given.
   *
   * @param source what to call the data set in messages
   */
  public static RowAudit of(Role role, String source, AuditSettings settings) {
    return new RowAudit(role, source, settings, new ContentHashes());
  }

  /** Makes one for rows to train on, which are not to be among those that another one looked at. */
  public static RowAudit apartFrom(RowAudit eval, String source, AuditSettings settings) {
    return new RowAudit(Role.TRAIN, source, settings, eval.seen);
  }

  private RowAudit(Role role, String source, AuditSettings settings, ContentHashes heldOut) {
    this.role = role;
    this.source = source;
    this.settings = settings;
    this.heldOut = heldOut;
    for (Problem problem : Problem.values()) {
      problems.put(problem, new FoundRows.Collector());
    }
    for (Note note : Note.values()) {
      notes.put(note, new FoundRows.Collector());
    }
  }

  /** Looks at the next row and returns the example to use, if it is one. */
  public Optional<Example> add(ReadRow row) {
    return switch (row) {
      case ReadRow.Broken broken -> {
        add(broken);
        yield Optional.empty();
      }
      case ReadRow.Whole whole -> {
        rows++;
        lengths.add(whole.example().inputIds().length);
        Optional<Example> example = judged(whole.id(), whole.example());
        example.ifPresent(used -> count(used, whole.labels()));
        yield example;
      }
    };
  }

  private void add(ReadRow.Broken broken) {
    rows++;
    if (broken.last()) {
      unreadable = broken.problem();
      return;
    }
    found(Problem.BROKEN, broken.id());
    if (firstBroken == null) {
      firstBroken = broken.problem();
    }
  }

  private Optional<Example> judged(RowId id, Example whole) {
    Example example = whole;
    if (whole.inputIds().length > settings.maxLength()) {
      switch (found(Problem.TOO_LONG, id)) {
        case DROP -> {
          return Optional.empty();
        }
        case TRUNCATE -> example = whole.truncated(settings.maxLength());
        case FAIL, KEEP -> {}
      }
    }
    if (example.supervisedTokens() == 0) {
      found(Problem.UNSUPERVISED, id);
      return Optional.empty();
    }
    long hash = example.contentHash();
    if (heldOut.contains(hash) && found(Problem.LEAKED, id) == Action.DROP) {
      return Optional.empty();
    }
    if (!seen.add(hash) && found(Problem.DUPLICATE, id) == Action.DROP) {
      return Optional.empty();
    }
    noteBos(id, whole.inputIds());
    noteEos(id, whole, example);
    return Optional.of(example);
  }

  private Action found(Problem problem, RowId id) {
    collector(problems, problem).add(id);
    return Action.of(settings.policy(), problem);
  }

  private void noteBos(RowId id, int[] ids) {
    int bos = settings.bos().orElse(-1);
    if (ids.length > 1 && ids[0] == bos && ids[1] == bos) {
      collector(notes, Note.DOUBLED_BOS).add(id);
    }
  }

  private void noteEos(RowId id, Example whole, Example used) {
    int[] ids = whole.inputIds();
    if (settings.eos().isEmpty()) {
      return;
    }
    int eos = settings.eos().getAsInt();
    boolean present = false;
    for (int i = 1; i < ids.length; i++) {
      present |= ids[i] == eos;
      if (whole.labels()[i] == eos) {
        return;
      }
    }
    if (present) {
      collector(notes, Note.UNLEARNED_EOS).add(id);
    } else if (used.inputIds().length == ids.length) {
      collector(notes, Note.MISSING_EOS).add(id);
    }
  }

  private void count(Example example, List<String> ofRow) {
    ofRow.forEach(label -> labels.merge(label, 1L, Long::sum));
    kept++;
    tokens += example.inputIds().length;
    supervisedTokens += example.supervisedTokens();
  }

  /** Returns what was found so far. */
  public DataAudit result() {
    OnProblem policy = settings.policy();
    Map<Problem, Finding> findings = new EnumMap<>(Problem.class);
    problems.forEach(
        (problem, rowsFound) ->
            findings.put(
                problem,
                new Finding(
                    Action.of(policy, problem),
                    rowsFound.found(),
                    problem == Problem.BROKEN ? firstBroken : null)));
    Map<Note, FoundRows> noted = new EnumMap<>(Note.class);
    notes.forEach((note, rowsFound) -> noted.put(note, rowsFound.found()));
    return new DataAudit(
        role,
        source,
        rows,
        kept,
        tokens,
        supervisedTokens,
        lengths.lengths(),
        unreadable,
        labels,
        findings,
        noted);
  }

  private static <K> FoundRows.Collector collector(Map<K, FoundRows.Collector> all, K key) {
    FoundRows.Collector collector = all.get(key);
    if (collector == null) {
      throw new IllegalStateException("no rows of " + key);
    }
    return collector;
  }
}
