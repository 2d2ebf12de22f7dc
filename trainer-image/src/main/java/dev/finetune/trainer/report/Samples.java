package dev.finetune.trainer.report;

import dev.finetune.trainer.report.ReportData.Sample;
import dev.finetune.trainer.report.ReportData.Sample.Answer;
import java.util.ArrayList;
import java.util.List;

/** Answers to fixed prompts over the evaluations. */
record Samples(List<Sample> samples) implements ReportPage.Section {
  private static final int MOST_SAMPLES = 16;
  private static final int MOST_ANSWERS = 6;
  private static final int LONGEST_PROMPT = 600;
  private static final int LONGEST_ANSWER = 1200;

  @Override
  public String id() {
    return "samples";
  }

  @Override
  public String title() {
    return "Sample answers";
  }

  @Override
  public void add(Html html) {
    for (Sample sample : samples.subList(0, Math.min(MOST_SAMPLES, samples.size()))) {
      html.open("article", "class", "sample");
      html.open("h3").element("bdi", Excerpt.of(sample.prompt(), LONGEST_PROMPT)).close();
      html.open("dl", "class", "answers");
      for (Answer answer : shown(sample.answers())) {
        html.element("dt", answer.step() == 0 ? "before training" : "step " + answer.step());
        html.open("dd").element("bdi", Excerpt.of(answer.text(), LONGEST_ANSWER)).close();
      }
      html.close().close();
    }
  }

  /** Returns the first, the last and some in between. */
  private static List<Answer> shown(List<Answer> answers) {
    if (answers.size() <= MOST_ANSWERS) {
      return answers;
    }
    List<Answer> shown = new ArrayList<>();
    for (int i = 0; i < MOST_ANSWERS; i++) {
      shown.add(answers.get(i * (answers.size() - 1) / (MOST_ANSWERS - 1)));
    }
    return shown;
  }
}
