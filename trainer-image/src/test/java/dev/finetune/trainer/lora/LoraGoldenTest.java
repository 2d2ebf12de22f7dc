package dev.finetune.trainer.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.AdapterInit;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.adapter.AdapterSettings;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.goldens.GoldenModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.model.WeightChange;
import dev.finetune.trainer.optim.AdamConstants;
import dev.finetune.trainer.optim.AdamW;
import dev.finetune.trainer.optim.GradientClip;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.optim.ParameterLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Twenty optimizer steps of LoRA and QLoRA against PEFT 0.18 and bitsandbytes 0.49. */
class LoraGoldenTest {
  private static final String PREFIX = "base_model.model.";

  /** Cases whose moments after the last step are compared too; the files are large. */
  private static final Set<String> WITH_MOMENTS =
      Set.of("llama-qv", "llama-linear-wd", "llama-nf4dq");

  private final List<Double> losses = new ArrayList<>();
  private final List<Double> norms = new ArrayList<>();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-full7",
        "llama-qv",
        "llama-accum4",
        "llama-linear-wd",
        "llama-lr1e-2-constant",
        "llama-lmlabels",
        "llama-rslora",
        "llama-dora",
        "llama-nf4dq-dora",
        "llama-pattern",
        "llama-pissa",
        "llama-layer1-regex",
        "llama-untied-full7",
        "llama-untied-save-modules",
        "llama-untied-embed-head",
        "llama3rope-full7",
        "llama-leftpad",
        "llama-accum4-lmlabels",
        "llama-nf4",
        "llama-nf4dq"
      })
  void trainsAsPeftInFp32(String name) {
    run(name, ElementType.F32, 1e-5, 2e-4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-nf4dq-bf16"})
  void trainsCloseToPeftInBf16(String name) {
    run(name, ElementType.BF16, 1e-2, 0.2);
  }

  private void run(String name, ElementType type, double lossTolerance, double tensorTolerance) {
    JsonNode golden = Goldens.json("lora/" + name + "/case.json");
    Kernels kernels = TestEngine.kernels(type);
    Map<String, float[]> initial = adapterTensors("lora/" + name + "/init");
    Map<String, float[]> expected = adapterTensors("lora/" + name + "/final");
    long before = TestEngine.engine().liveTensors();
    AdapterSettings settings =
        AdapterConfig.read(Goldens.path("lora/" + name + "/init/adapter_config.json")).settings();
    String base = golden.path("model").asText();
    AdapterShape shape = settings.shape(GoldenModel.modules(base));
    WeightChange change =
        settings.init() == AdapterInit.PISSA ? new PrincipalComponents(kernels, shape)::rest : null;
    try (DecoderModel model = GoldenModel.load(kernels, base, quantization(golden), change);
        LoraAdapter adapter = new LoraAdapter(kernels, shape);
        AdamW optimizer =
            new AdamW(
                kernels,
                new ParameterLayout(adapter.sections(), adapter.parameters().elements(), 1),
                AdamConstants.standard(golden.path("train").path("weight_decay").asDouble()))) {
      adapter.setTensors(initial);
      train(kernels, model, adapter, optimizer, golden, name);
      for (int step = 0; step < losses.size(); step++) {
        JsonNode reference = golden.path("steps").get(step);
        double loss = reference.path("loss").asDouble();
        assertThat(losses.get(step))
            .as("loss of step %d", step)
            .isCloseTo(loss, within(lossTolerance * loss));
        double norm = reference.path("grad_norm").asDouble();
        assertThat(norms.get(step))
            .as("gradient norm of step %d", step)
            .isCloseTo(norm, within(lossTolerance * 10 * norm));
      }
      adapter
          .tensors()
          .forEach(
              (tensor, matrix) ->
                  assertThat(Goldens.distance(matrix.values(), expected.get(tensor)))
                      .as(tensor)
                      .isLessThan(tensorTolerance));
      assertThat(adapter.tensors().keySet()).containsExactlyInAnyOrderElementsOf(expected.keySet());
      compareMoments(adapter, optimizer, name, tensorTolerance);
    }
    assertThat(TestEngine.engine().liveTensors()).isEqualTo(before);
  }

  private void train(
      Kernels kernels,
      DecoderModel model,
      LoraAdapter adapter,
      AdamW optimizer,
      JsonNode golden,
      String name) {
    GoldenTensors batches = Goldens.tensors("lora/" + name + "/batches.safetensors");
    JsonNode training = golden.path("train");
    CausalCrossEntropy loss = model.loss(adapter);
    int steps = golden.path("steps").size();
    LearningRate rate =
        new LearningRate(
            Schedule.valueOf(
                training.path("scheduler").asText().toUpperCase(java.util.Locale.ROOT)),
            training.path("lr").asDouble(),
            training.path("warmup_steps").asInt(),
            steps);
    GoldenTensors gradients =
        Goldens.path("lora/" + name + "/grads.safetensors").toFile().exists()
                && kernels.type() == ElementType.F32
            ? Goldens.tensors("lora/" + name + "/grads.safetensors")
            : null;
    for (int step = 0; step < steps; step++) {
      // transformers divides by the labels before the shift; ours counts those after it.
      int items = golden.path("steps").get(step).path("num_items").asInt();
      adapter.clearGradients();
      double sum = 0;
      for (int micro = 0; micro < training.path("accum").asInt(); micro++) {
        MicroBatch batch =
            MicroBatch.of(Goldens.examples(batches, "step" + step + ".micro" + micro + "."));
        try (Scope scope = new Scope();
            DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.keeping())) {
          Objective.Result result =
              loss.withGradient(scope, forward.hidden(), batch.rows(), batch.labels(), 1.0 / items);
          for (float value : result.terms()) {
            sum += value;
          }
          model.backward(forward, result.gradient());
        }
      }
      double norm = kernels.norm(adapter.gradients());
      compareGradients(gradients, adapter, step);
      double clip = GradientClip.factor(norm, training.path("max_grad_norm").asDouble());
      optimizer.update(adapter.parameters(), adapter.gradients(), rate.at(step), step + 1, clip);
      adapter.parametersChanged();
      losses.add(sum / items);
      norms.add(norm);
    }
  }

  private static void compareMoments(
      LoraAdapter adapter, AdamW optimizer, String name, double tolerance) {
    if (!WITH_MOMENTS.contains(name)) {
      return;
    }
    GoldenTensors golden = Goldens.tensors("lora/" + name + "/optimizer_final.safetensors");
    Set<String> compared = new TreeSet<>();
    Map.of("exp_avg", optimizer.firstMoment(), "exp_avg_sq", optimizer.secondMoment())
        .forEach(
            (moment, flat) ->
                adapter
                    .tensorsOf(flat)
                    .forEach(
                        (tensor, matrix) -> {
                          String key = PREFIX + tensor + "." + moment;
                          assertThat(Goldens.distance(matrix.values(), golden.floats(key)))
                              .as(key)
                              .isLessThan(tolerance);
                          compared.add(key);
                        }));
    assertThat(compared).isEqualTo(new TreeSet<>(golden.names()));
  }

  private static void compareGradients(
      @Nullable GoldenTensors gradients, LoraAdapter adapter, int step) {
    if (gradients == null || (step != 0 && step != 2)) {
      return;
    }
    // AdamW divides by the root of tiny squares, so that after two updates rounding shows more.
    double tolerance = step == 0 ? 1e-4 : 3e-3;
    adapter
        .gradientTensors()
        .forEach(
            (tensor, matrix) ->
                assertThat(
                        Goldens.distance(
                            matrix.values(),
                            gradients.floats("step" + step + "." + PREFIX + parameter(tensor))))
                    .as("gradient of %s in step %d", tensor, step)
                    .isLessThan(tolerance));
  }

  /** Gradients are named by parameter, which differs from the name in files for some kinds. */
  private static String parameter(String tensor) {
    if (tensor.endsWith(".lora_magnitude_vector")) {
      return tensor + ".weight";
    }
    return tensor.contains(".lora_")
        ? tensor
        : tensor.replaceFirst("weight$", "modules_to_save.weight");
  }

  private static @Nullable Quantization quantization(JsonNode golden) {
    JsonNode quantization = golden.path("quantization");
    return quantization.isObject()
        ? new Quantization(QuantizationType.NF4, 64, quantization.path("double").asBoolean())
        : null;
  }

  private static Map<String, float[]> adapterTensors(String folder) {
    GoldenTensors tensors = Goldens.tensors(folder + "/adapter_model.safetensors");
    Map<String, float[]> values = new HashMap<>();
    for (String name : tensors.names()) {
      values.put(name.substring(PREFIX.length()), tensors.floats(name));
    }
    return values;
  }
}
