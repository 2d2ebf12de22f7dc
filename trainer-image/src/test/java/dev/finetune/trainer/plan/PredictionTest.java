package dev.finetune.trainer.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.Optimizer;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.Target;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.FamilyGolden;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.loss.OneLabel;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.train.AdapterTrainer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The plan against what the engine counts, to the byte. */
class PredictionTest {
  private static final int WHOLE = 1 << 20;

  /** A run of one micro-batch. */
  record Case(
      String name,
      boolean decomposed,
      ModelConfig config,
      @Nullable Quantization quantization,
      ElementType type,
      int rank,
      double dropout,
      boolean recompute,
      int... lengths) {
    @Override
    public String toString() {
      return name;
    }
  }

  static List<Case> cases() {
    Quantization plain = new Quantization(QuantizationType.NF4, 64, false);
    Quantization nested = new Quantization(QuantizationType.NF4, 64, true);
    Quantization wide = new Quantization(QuantizationType.NF4, 256, true);
    ModelConfig grouped = RandomModel.config(3, 4, 2, 6);
    ModelConfig flat = RandomModel.config(2, 3, 3, 8);
    ModelConfig larger = RandomModel.config(2, 4, 1, 32);
    List<Case> cases = new ArrayList<>();
    for (ElementType type : List.of(ElementType.F32, ElementType.BF16)) {
      for (boolean recompute : new boolean[] {false, true}) {
        String mode = type + (recompute ? ", recomputed" : "");
        cases.add(new Case("LoRA " + mode, false, grouped, null, type, 4, 0, recompute, 17, 5));
        cases.add(
            new Case(
                "sequences of one token " + mode,
                false,
                flat,
                null,
                type,
                3,
                0,
                recompute,
                1,
                2,
                1));
        cases.add(new Case("two tokens " + mode, false, flat, null, type, 3, 0, recompute, 2));
        cases.add(new Case("rank 1 " + mode, false, flat, null, type, 1, 0, recompute, 300));
        cases.add(new Case("NF4 " + mode, false, grouped, plain, type, 4, 0, recompute, 31, 2));
        cases.add(
            new Case("NF4, nested " + mode, false, grouped, nested, type, 7, 0, recompute, 9, 9));
        cases.add(new Case("few tokens " + mode, false, larger, wide, type, 8, 0, recompute, 3));
        cases.add(new Case("many " + mode, false, larger, wide, type, 8, 0, recompute, 200, 90, 1));
        cases.add(
            new Case("dropout " + mode, false, larger, nested, type, 8, 0.1, recompute, 64, 3));
        cases.add(new Case("DoRA " + mode, true, grouped, nested, type, 4, 0, recompute, 40, 1));
        cases.add(new Case("DoRA, dropout " + mode, true, flat, null, type, 4, 0.1, recompute, 9));
        cases.add(
            new Case("dropout LoRA " + mode, false, grouped, null, type, 8, 0.1, recompute, 64));
      }
    }
    for (String family : FamilyGolden.names()) {
      ModelConfig config = new FamilyGolden(family).config();
      cases.add(new Case(family, false, config, null, ElementType.F32, 4, 0, false, 250, 9));
      cases.add(
          new Case(
              family + " in NF4 and BF16, recomputed",
              false,
              config,
              nested,
              ElementType.BF16,
              4,
              0,
              true,
              250,
              9));
    }
    return cases;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void predictsTheTensorsOfEachPartOfARun(Case run) {
    check(run, false);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void predictsTheTensorsOfAStepThatComparesWithTheBase(Case run) {
    check(run, true);
  }

  static List<Case> headCases() {
    return cases().stream()
        .filter(run -> !run.recompute() && run.name().matches("(LoRA|two|many|few|DoRA) .*"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("headCases")
  void predictsTheTensorsOfAClassifier(Case run) {
    Kernels kernels = TestEngine.kernels(run.type());
    Engine engine = TestEngine.engine();
    List<Example> examples = new ArrayList<>();
    for (Example row : RandomModel.examples(run.config().vocabularySize(), 9, run.lengths())) {
      int[] labels = new int[row.inputIds().length];
      examples.add(
          new Example(row.index(), row.inputIds(), new Target.OfTokens(labels, row.inputIds())));
    }
    long before = engine.liveBytes();
    try (DecoderModel model = RandomModel.load(kernels, run.config(), run.quantization(), 3);
        LoraAdapter adapter = new LoraAdapter(kernels, withHead(run, model));
        AdapterTrainer trainer =
            new AdapterTrainer(
                kernels,
                model,
                adapter,
                model.headLoss(
                    adapter, new OneLabel(List.of("a", "b", "c"), new double[] {1, 1, 1}, 0, true)),
                Training.defaults(),
                settings(run, false))) {
      List<PhasePeak> phases = predicted(run, withHead(run, model), examples, false);
      checkPeaks(engine, trainer, examples, phases, before);
    }
    assertThat(engine.liveBytes()).isEqualTo(before);
  }

  private static AdapterShape withHead(Case run, DecoderModel model) {
    SequencedMap<String, List<Long>> whole = new LinkedHashMap<>();
    whole.put(ModelModules.SCORE, List.of(3L, (long) run.config().hiddenSize()));
    whole.put(ModelModules.SCORE_BIAS, List.of(3L));
    AdapterShape plain = shape(run, model);
    return new AdapterShape(plain.targets(), plain.decomposed(), whole);
  }

  private static void check(Case run, boolean divergence) {
    Kernels kernels = TestEngine.kernels(run.type());
    Engine engine = TestEngine.engine();
    List<Example> examples = RandomModel.examples(run.config().vocabularySize(), 9, run.lengths());
    long before = engine.liveBytes();
    engine.resetPeakBytes();
    try (DecoderModel model = RandomModel.load(kernels, run.config(), run.quantization(), 3);
        LoraAdapter adapter = new LoraAdapter(kernels, shape(run, model));
        AdapterTrainer trainer = trainer(kernels, model, adapter, run, divergence)) {
      List<PhasePeak> phases = predicted(run, shape(run, model), examples, divergence);
      checkPeaks(engine, trainer, examples, phases, before);
    }
    assertThat(engine.liveBytes()).isEqualTo(before);
  }

  private static void checkPeaks(
      Engine engine,
      AdapterTrainer trainer,
      List<Example> examples,
      List<PhasePeak> phases,
      long before) {
    assertThat(engine.liveBytes() - before).as("kept").isEqualTo(peak(phases, Phase.LOADING));
    trainer.evaluate(examples, () -> false);
    engine.resetPeakBytes();
    trainer.evaluate(examples, () -> false);
    assertThat(engine.peakBytes() - before)
        .as("evaluation")
        .isEqualTo(peak(phases, Phase.EVALUATION));
    trainer.step(1, examples, () -> false);
    engine.resetPeakBytes();
    trainer.step(2, examples, () -> false);
    long step =
        Math.max(
            peak(phases, Phase.FORWARD),
            Math.max(peak(phases, Phase.LOSS), peak(phases, Phase.BACKWARD)));
    assertThat(engine.peakBytes() - before).as("step").isEqualTo(step);
  }

  private static AdapterTrainer trainer(
      Kernels kernels, DecoderModel model, LoraAdapter adapter, Case run, boolean divergence) {
    return new AdapterTrainer(
        kernels, model, adapter, Training.defaults(), settings(run, divergence));
  }

  private static AdapterTrainer.Settings settings(Case run, boolean divergence) {
    return new AdapterTrainer.Settings(
        run.dropout(),
        WHOLE,
        new LearningRate(Schedule.CONSTANT, 1e-3, 0, 10),
        1,
        run.recompute(),
        divergence ? 0.5 : 0);
  }

  private static List<PhasePeak> predicted(
      Case run, AdapterShape adapter, List<Example> examples, boolean divergence) {
    Workload workload =
        new Workload(
            run.config(),
            run.quantization(),
            run.type(),
            adapter,
            run.dropout(),
            Optimizer.ADAM_W,
            false,
            divergence);
    List<Workload.Batch> batches =
        List.of(
            new Workload.Batch(
                examples.stream().map(example -> example.inputIds().length).toList(),
                examples.stream().mapToInt(Example::supervisedTokens).sum()));
    return new Prediction(workload).phases(batches, batches, run.recompute());
  }

  private static AdapterShape shape(Case run, DecoderModel model) {
    return new AdapterShape(
        AdapterShape.of(model.linears(), run.rank(), 8).targets(), run.decomposed());
  }

  private static long peak(List<PhasePeak> phases, Phase phase) {
    return phases.stream()
        .filter(peak -> peak.phase() == phase)
        .mapToLong(PhasePeak::tensorBytes)
        .findFirst()
        .orElseThrow();
  }
}
