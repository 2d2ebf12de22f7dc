package dev.finetune.trainer.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.DuplicateAction;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.RowAction;
import dev.finetune.api.spec.TooLongAction;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ReadRow;
import dev.finetune.trainer.data.RowId;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class RowAuditTest {
  private static final int BOS = 1;
  private static final int EOS = 2;
  private static final int MOST = 4;
  private static final String FILE = "rows.jsonl";
  private static final OnProblem DROPPING =
      new OnProblem(
          TooLongAction.DROP,
          RowAction.DROP,
          RowAction.DROP,
          DuplicateAction.DROP,
          DuplicateAction.DROP);

  @Test
  void saysAtOnceAllThatIsWrongHowManyRowsWhichAndWhatToSet() {
    RowAudit audit = RowAudit.of(Role.TRAIN, FILE, settings(OnProblem.defaults()));
    for (int i = 0; i < 12; i++) {
      audit.add(row(i, 5, 6, 7, 8, EOS, i + 10));
    }
    audit.add(row(12, 5, EOS));
    audit.add(unsupervised(13, 5, 6));
    audit.add(broken(14));
    AuditReport report = report(audit);
    assertThat(report.fails()).isTrue();
    assertThat(report.failures())
        .containsExactly(
            "rows.jsonl: 12 of 15 rows are longer than spec.training.maxLength 4 (rows 0 (line 1),"
                + " 1 (line 2), 2 (line 3), 3 (line 4), 4 (line 5), 5 (line 6), 6 (line 7), 7 (line"
                + " 8), 8 (line 9), 9 (line 10) and 2 more; longest 6 tokens): set"
                + " spec.dataset.onProblem.tooLong to truncate or drop, or raise"
                + " spec.training.maxLength",
            "rows.jsonl: 1 of 15 rows has no token to learn (row 13 (line 14)): correct them, or"
                + " set spec.dataset.onProblem.unsupervised to drop",
            "rows.jsonl: 1 of 15 rows cannot be read (row 14 (line 15); the first: rows.jsonl: line"
                + " 15: field 'text' is missing): correct them, or set"
                + " spec.dataset.onProblem.broken to drop");
    assertThatThrownBy(report::requireUsable)
        .isInstanceOf(UnreadableData.class)
        .hasMessage(String.join("; ", report.failures()));
  }

  @Test
  void saysHowManyProblemsAMessageHasNoRoomFor() {
    String path = "/data/" + "folder/".repeat(60);
    List<String> failures =
        IntStream.range(0, 5).mapToObj(i -> path + i + ".jsonl: problem " + i).toList();
    RowAudit audit = RowAudit.of(Role.TRAIN, FILE, settings(OnProblem.defaults()));
    AuditReport report = new AuditReport("text", MOST, audit.result(), null, failures);
    assertThatThrownBy(report::requireUsable)
        .hasMessage(
            String.join("; ", failures.subList(0, 3))
                + "; and 2 more problems, which trainer audit tells");
  }

  @Test
  void cutsALongRowOnlyIfToldToAndAddsNoEos() {
    RowAudit audit =
        RowAudit.of(
            Role.TRAIN,
            FILE,
            settings(
                new OnProblem(
                    TooLongAction.TRUNCATE,
                    RowAction.DROP,
                    RowAction.FAIL,
                    DuplicateAction.KEEP,
                    DuplicateAction.FAIL)));
    Example cut = audit.add(row(0, 5, 6, 7, 8, EOS)).orElseThrow();
    assertThat(cut.inputIds()).containsExactly(5, 6, 7, 8);
    assertThat(cut.labels()).containsExactly(5, 6, 7, 8);
    int[] ids = {5, 6, 7, 8, 9, EOS};
    int[] labels = {-100, -100, -100, -100, 9, EOS};
    assertThat(audit.add(new ReadRow.Whole(id(1), new Example(1, ids, labels)))).isEmpty();
    DataAudit result = audit.result();
    assertThat(result.rows()).isEqualTo(2);
    assertThat(result.kept()).isEqualTo(1);
    assertThat(result.tokens()).isEqualTo(4);
    assertThat(result.cut()).isEqualTo(2);
    assertThat(result.lengths().most()).isEqualTo(6);
    assertThat(result.problem(Problem.UNSUPERVISED).rows().first()).containsExactly(id(1));
    assertThat(report(audit).failures()).isEmpty();
  }

  @Test
  void doesWithDuplicatesWhatThePolicySays() {
    for (DuplicateAction action : DuplicateAction.values()) {
      RowAudit audit =
          RowAudit.of(
              Role.TRAIN,
              FILE,
              settings(
                  new OnProblem(
                      TooLongAction.FAIL,
                      RowAction.FAIL,
                      RowAction.FAIL,
                      action,
                      DuplicateAction.FAIL)));
      assertThat(audit.add(row(0, 5, EOS))).isPresent();
      assertThat(audit.add(row(1, 6, EOS))).isPresent();
      assertThat(audit.add(row(2, 5, EOS)).isPresent()).isEqualTo(action != DuplicateAction.DROP);
      assertThat(audit.result().problem(Problem.DUPLICATE).rows())
          .isEqualTo(new FoundRows(1, List.of(id(2))));
      assertThat(report(audit).fails()).isEqualTo(action == DuplicateAction.FAIL);
    }
  }

  @Test
  void findsARowThatIsHeldOutTooAndLeavesItOutOfTheTrainingRows() {
    RowAudit eval = RowAudit.of(Role.EVAL, "eval.jsonl", settings(OnProblem.defaults()));
    eval.add(row(0, 5, 6, EOS));
    RowAudit failing = RowAudit.apartFrom(eval, FILE, settings(OnProblem.defaults()));
    failing.add(row(0, 7, EOS));
    failing.add(row(1, 5, 6, EOS));
    assertThat(report(failing).failures())
        .containsExactly(
            "rows.jsonl: 1 of 2 rows is held out too (row 1 (line 2)): set"
                + " spec.dataset.onProblem.leaked to drop or keep");
    RowAudit dropping = RowAudit.apartFrom(eval, FILE, settings(DROPPING));
    assertThat(dropping.add(row(0, 7, EOS))).isPresent();
    assertThat(dropping.add(row(1, 5, 6, EOS))).isEmpty();
    assertThat(report(dropping).fails()).isFalse();
    assertThat(eval.result().kept()).isEqualTo(1);
  }

  @Test
  void tellsADoubledBosAndAnEosThatIsNotLearned() {
    RowAudit audit = RowAudit.of(Role.TRAIN, FILE, settings(OnProblem.defaults()));
    audit.add(row(0, BOS, BOS, 5, EOS));
    audit.add(row(1, BOS, 5, EOS));
    audit.add(new ReadRow.Whole(id(2), example(2, new int[] {5, 6, EOS}, new int[] {5, 6, -100})));
    audit.add(row(3, 5, 6));
    DataAudit result = audit.result();
    assertThat(result.note(Note.DOUBLED_BOS).first()).containsExactly(id(0));
    assertThat(result.note(Note.UNLEARNED_EOS).first()).containsExactly(id(2));
    assertThat(result.note(Note.MISSING_EOS).first()).containsExactly(id(3));
    assertThat(report(audit).fails()).isFalse();
  }

  @Test
  void failsWhateverThePolicyIfNothingIsLeftOrTheRestCannotBeRead() {
    RowAudit empty = RowAudit.of(Role.TRAIN, FILE, settings(DROPPING));
    assertThat(report(empty).failures())
        .containsExactly("rows.jsonl: expected rows of format tokens, found none");
    RowAudit dropped = RowAudit.of(Role.TRAIN, FILE, settings(DROPPING));
    dropped.add(unsupervised(0, 5, 6));
    assertThat(report(dropped).failures())
        .containsExactly(
            "rows.jsonl: expected a row to learn from, found none: 1 of 1 rows has no token to"
                + " learn (row 0 (line 1))");
    RowAudit ended = RowAudit.of(Role.TRAIN, FILE, settings(DROPPING));
    ended.add(row(0, 5, EOS));
    ended.add(new ReadRow.Broken(id(1), "rows.jsonl: line 3: broken JSON", true));
    assertThat(report(ended).failures())
        .containsExactly("rows.jsonl: line 3: broken JSON (nothing after it can be read)");
  }

  @Test
  void listsAHundredRowsHoweverManyThereAre() {
    RowAudit audit = RowAudit.of(Role.TRAIN, FILE, settings(DROPPING));
    IntStream.range(0, 5000).forEach(i -> audit.add(broken(i)));
    FoundRows rows = audit.result().problem(Problem.BROKEN).rows();
    assertThat(rows.count()).isEqualTo(5000);
    assertThat(rows.first()).hasSize(FoundRows.MOST_LISTED);
  }

  @Test
  void isTheSameAfterItWasWrittenAsJson() throws IOException {
    RowAudit eval = RowAudit.of(Role.EVAL, "eval.jsonl", settings(OnProblem.defaults()));
    eval.add(row(0, 5, 6, EOS));
    RowAudit audit = RowAudit.apartFrom(eval, FILE, settings(OnProblem.defaults()));
    audit.add(row(0, 5, 6, 7, 8, EOS));
    audit.add(broken(1));
    AuditReport report =
        AuditReport.of("tokens", settings(OnProblem.defaults()), audit.result(), eval.result());
    byte[] json = RunJson.write(report);
    assertThat(RunJson.read(json, AuditReport.class)).isEqualTo(report);
    assertThat(new String(json, StandardCharsets.UTF_8))
        .contains("\"tooLong\" : {", "\"action\" : \"fail\"", "\"place\" : \"line 1\"");
  }

  /** Whatever the rows are: the kept ones are what the policy of dropping allows, and no other. */
  @Property(tries = 300)
  void keepsExactlyTheFirstOfEachRowThatCanBeUsed(
      @ForAll @Size(max = 40) List<@Size(max = 6) List<@IntRange(min = 3, max = 4) Integer>> rows) {
    RowAudit audit = RowAudit.of(Role.TRAIN, FILE, settings(DROPPING));
    List<Integer> kept = new ArrayList<>();
    List<Integer> expected = new ArrayList<>();
    Set<List<Integer>> seen = new HashSet<>();
    for (int i = 0; i < rows.size(); i++) {
      List<Integer> ids = rows.get(i);
      audit
          .add(row(i, ids.stream().mapToInt(id -> id).toArray()))
          .ifPresent(example -> kept.add(example.index()));
      if (ids.size() >= 2 && ids.size() <= MOST && seen.add(ids)) {
        expected.add(i);
      }
    }
    assertThat(kept).isEqualTo(expected);
    DataAudit result = audit.result();
    int left =
        result.problems().values().stream().mapToInt(finding -> finding.rows().count()).sum();
    assertThat(result.kept() + left).isEqualTo(result.rows()).isEqualTo(rows.size());
  }

  private static AuditSettings settings(OnProblem policy) {
    return new AuditSettings(
        MOST, policy, SettingNames.OF_JOB, OptionalInt.of(BOS), OptionalInt.of(EOS));
  }

  private static AuditReport report(RowAudit audit) {
    return AuditReport.of("tokens", settings(OnProblem.defaults()), audit.result(), null);
  }

  private static RowId id(int row) {
    return new RowId(row, FILE, "line " + (row + 1));
  }

  private static ReadRow row(int row, int... ids) {
    return new ReadRow.Whole(id(row), example(row, ids, ids.clone()));
  }

  private static ReadRow unsupervised(int row, int... ids) {
    int[] labels = new int[ids.length];
    Arrays.fill(labels, Example.NOT_SUPERVISED);
    return new ReadRow.Whole(id(row), example(row, ids, labels));
  }

  private static ReadRow broken(int row) {
    return new ReadRow.Broken(
        id(row), FILE + ": line " + (row + 1) + ": field 'text' is missing", false);
  }

  private static Example example(int row, int[] ids, int[] labels) {
    return new Example(row, ids, labels);
  }
}
