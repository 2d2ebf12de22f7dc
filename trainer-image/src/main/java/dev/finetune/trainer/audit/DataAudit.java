package dev.finetune.trainer.audit;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What was found in one data set.
 *
 * @param role what it is for
 * @param source where it lies
 * @param rows rows that there are, broken ones too
 * @param kept rows that are used
 * @param tokens tokens of the rows that are used
 * @param supervisedTokens tokens of these that are learned
 * @param lengths of all rows that could be read, before anything is cut
 * @param unreadable why nothing from some row on can be read, or null
 * @param labels how often the rows that are used have each label of a head, before they are cut; of
 *     words by token
 * @param problems the rows of each problem, all problems
 * @param notes the rows of each note, all notes
 */
public record DataAudit(
    Role role,
    String source,
    int rows,
    int kept,
    long tokens,
    long supervisedTokens,
    Lengths lengths,
    @Nullable String unreadable,
    SortedMap<String, Long> labels,
    Map<Problem, Finding> problems,
    Map<Note, FoundRows> notes) {
  /** Keeps unmodifiable copies of the maps, in the order of their keys. */
  public DataAudit {
    labels = Collections.unmodifiableSortedMap(new TreeMap<>(labels));
    problems = Collections.unmodifiableMap(new EnumMap<>(problems));
    notes = Collections.unmodifiableMap(new EnumMap<>(notes));
  }

  /** Returns the rows with a problem. */
  public Finding problem(Problem problem) {
    Finding finding = problems.get(problem);
    if (finding == null) {
      throw new IllegalStateException("no finding of " + problem);
    }
    return finding;
  }

  /** Returns the rows with a note. */
  public FoundRows note(Note note) {
    FoundRows found = notes.get(note);
    if (found == null) {
      throw new IllegalStateException("no rows of " + note);
    }
    return found;
  }

  /** Returns how many rows were cut; of some of them nothing may be left to learn. */
  public int cut() {
    Finding tooLong = problem(Problem.TOO_LONG);
    return tooLong.action() == Action.TRUNCATE ? tooLong.rows().count() : 0;
  }
}
