package dev.finetune.bench;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.train.StepFlops;
import dev.finetune.trainer.train.StepResult;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Trains an adapter on a few steps in this process, with the trainer's own classes: LoRA of rank 16
 * and alpha 32 on all linear layers, AdamW at 1e-4, gradients clipped at 1.
 */
final class TrainingBenchmark {
  private static final int RANK = 16;
  private static final int ALPHA = 32;
  private static final double RATE = 1e-4;
  private static final Quantization NF4 = new Quantization(QuantizationType.NF4, 64, true);
  private static final String TRAINING =
      "{\"learningRate\": 1e-4, \"schedule\": \"constant\", \"maxGradientNorm\": 1}";

  private final Configuration configuration;
  private final Settings settings;
  private final Map<String, Measurement.Phase> phases = new LinkedHashMap<>();
  private final List<StepResult> results = new ArrayList<>();
  private final List<Double> seconds = new ArrayList<>();
  private final List<Double> flops = new ArrayList<>();
  private double secondsToFirstStep;
  private double cpuSecondsToFirstStep;
  private double cpuUse;

  /**
   * What to run.
   *
   * @param model the base model
   * @param data Alpaca rows
   * @param threads threads within an operation
   * @param warmup steps before the clock starts
   * @param measure steps that count
   */
  record Settings(Path model, Path data, int threads, int warmup, int measure) {
    int steps() {
      return warmup + measure;
    }
  }

  TrainingBenchmark(Configuration configuration, Settings settings) {
    this.configuration = configuration;
    this.settings = settings;
  }

  /** Loads, trains and returns what was measured. */
  Measurement.Result run() throws IOException {
    endOf("jvm");
    try (Engine.Preparation _ = Engine.prepare();
        BaseModel base = BaseModel.open(settings.model())) {
      List<List<Example>> steps =
          BenchmarkRows.steps(
              settings.data(), base.tokenizer(), configuration.batch(), settings.steps());
      endOf("tokenizer and rows");
      try (Engine engine = Engine.start(settings.threads())) {
        endOf("engine");
        train(new Kernels(engine, configuration.precision()), base, steps);
      }
      return result(steps);
    }
  }

  private void train(Kernels kernels, BaseModel base, List<List<Example>> steps)
      throws IOException {
    Quantization quantization =
        switch (configuration.method()) {
          case LORA -> null;
          case QLORA -> NF4;
        };
    Training training = RunJson.read(TRAINING.getBytes(StandardCharsets.UTF_8), Training.class);
    LearningRate rate = new LearningRate(Schedule.CONSTANT, RATE, 0, steps.size());
    try (DecoderModel model =
            ModelLoader.load(kernels, base.config(), base.weights(), quantization);
        LoraAdapter adapter = new LoraAdapter(kernels, model.linears(), RANK, ALPHA);
        AdapterTrainer trainer =
            new AdapterTrainer(
                kernels,
                model,
                adapter,
                training,
                new AdapterTrainer.Settings(0, Integer.MAX_VALUE, rate))) {
      endOf("model");
      FixedAdapter.set(adapter);
      endOf("adapter");
      step(trainer, 1, steps);
      endOf("first step");
      secondsToFirstStep = ProcessMeter.secondsSinceStart();
      cpuSecondsToFirstStep = ProcessMeter.cpuSeconds();
      for (int step = 2; step <= settings.warmup(); step++) {
        step(trainer, step, steps);
      }
      double cpu = ProcessMeter.cpuSeconds();
      for (int step = settings.warmup() + 1; step <= steps.size(); step++) {
        step(trainer, step, steps);
      }
      cpuUse = (ProcessMeter.cpuSeconds() - cpu) / measured(seconds);
      StepFlops cost = StepFlops.of(model, adapter);
      steps.forEach(examples -> flops.add(cost.of(examples).total()));
    }
  }

  private void step(AdapterTrainer trainer, int step, List<List<Example>> steps) {
    long start = System.nanoTime();
    results.add(trainer.step(step, steps.get(step - 1), () -> false).orElseThrow());
    seconds.add((System.nanoTime() - start) / 1e9);
  }

  private void endOf(String phase) throws IOException {
    phases.put(
        phase, new Measurement.Phase(ProcessMeter.secondsSinceStart(), ProcessMeter.cpuSeconds()));
  }

  private double measured(List<? extends Number> values) {
    return values.stream().skip(settings.warmup()).mapToDouble(Number::doubleValue).sum();
  }

  private Measurement.Result result(List<List<Example>> steps) throws IOException {
    double time = measured(seconds);
    return new Measurement.Result(
        settings.threads(),
        settings.warmup(),
        measured(results.stream().map(StepResult::tokens).toList()) / time,
        measured(results.stream().map(StepResult::supervisedTokens).toList()) / time,
        cpuUse,
        ProcessMeter.peakMebibytes(),
        secondsToFirstStep,
        cpuSecondsToFirstStep,
        List.copyOf(seconds),
        results.stream().map(StepResult::loss).toList(),
        results.stream().map(StepResult::tokens).toList(),
        List.copyOf(flops),
        BenchmarkRows.digest(steps),
        phases,
        Map.of("java", Runtime.version().toString(), "libtorch", libtorchVersion()));
  }

  private static String libtorchVersion() {
    return ai.djl.engine.Engine.getEngine("PyTorch").getVersion();
  }
}
