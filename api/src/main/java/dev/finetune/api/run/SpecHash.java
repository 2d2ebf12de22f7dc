package dev.finetune.api.run;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.finetune.api.spec.Adapter;
import dev.finetune.api.spec.AlpacaPrompt;
import dev.finetune.api.spec.Classification;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.Evaluation;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Forgetting;
import dev.finetune.api.spec.LossOn;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.Task;
import dev.finetune.api.spec.Training;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Names a run by what decides its result: the spec fields as written, defaults filled in, plus
 * {@code runId}. Operator and trainer compute it without reading a byte of model or data. Storage,
 * Secrets, resources, pod settings and the checkpoint policy do not change the result and are not
 * part of it. The hash of a spec never changes: it is how a run is found again.
 */
public final class SpecHash {
  private static final Map<JsonPointer, JsonNode> NEWER =
      Map.of(
          JsonPointer.compile("/adapter/init"), TextNode.valueOf("default"),
          JsonPointer.compile("/adapter/loraPlusRatio"), DoubleNode.valueOf(1),
          JsonPointer.compile("/training/optimizer"), TextNode.valueOf("AdamW"),
          JsonPointer.compile("/training/labelSmoothing"), DoubleNode.valueOf(0),
          JsonPointer.compile("/training/neftuneNoiseAlpha"), DoubleNode.valueOf(0));

  private SpecHash() {}

  /** Returns 16 hexadecimal digits. */
  public static String of(FineTuneJobSpec spec) {
    Deciding deciding =
        new Deciding(
            spec.task(),
            spec.model().uri(),
            spec.model().revision(),
            written(spec.dataset(), spec.datasetFormat()),
            written(spec.adapter()),
            spec.quantization(),
            written(spec.training()),
            unless(spec.classification(), Classification.defaults()),
            spec.evaluation(),
            spec.forgetting(),
            spec.runId());
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(text(deciding).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  /** A field that is newer than the first hashes is left out at its default. */
  private static String text(Deciding deciding) {
    ObjectNode tree = RunJson.tree(deciding);
    NEWER.forEach(
        (field, value) -> {
          ObjectNode owner = (ObjectNode) tree.at(field.head());
          String name = field.last().getMatchingProperty();
          if (owner.path(name).equals(value)) {
            owner.remove(name);
          }
        });
    return tree.toString();
  }

  /** Holding out nothing is the same as not saying so, and so is a default. */
  private static Dataset written(Dataset data, DatasetFormat format) {
    Double fraction = data.evalFraction();
    return new Dataset(
        data.train(),
        data.eval(),
        fraction != null && fraction == 0 ? null : fraction,
        format,
        data.mixture(),
        data.columns(),
        unless(data.alpacaPrompt(), AlpacaPrompt.NEWLINE),
        data.chatTemplate(),
        unless(data.lossOn(), LossOn.ANSWERS),
        unless(data.packing(), Boolean.FALSE),
        unless(data.onProblem(), OnProblem.defaults()));
  }

  private static <T> @Nullable T unless(@Nullable T value, T byDefault) {
    return byDefault.equals(value) ? null : value;
  }

  /** Fills in the defaults that hold unless there is an adapter to start from. */
  private static Adapter written(Adapter adapter) {
    return adapter.initFrom() != null
        ? adapter
        : new Adapter(
            adapter.rank() == null ? 16 : adapter.rank(),
            adapter.alpha() == null ? 32 : adapter.alpha(),
            adapter.dropout(),
            adapter.targetModules() == null ? List.of("all-linear") : adapter.targetModules(),
            adapter.variant(),
            null,
            adapter.init(),
            adapter.layersToTransform(),
            adapter.rankPattern(),
            adapter.alphaPattern(),
            adapter.modulesToSave(),
            adapter.excludeModules(),
            adapter.loraPlusRatio());
  }

  /** Fills in the defaults that hold unless the other of two fields is set. */
  private static Training written(Training training) {
    boolean noEnd = training.epochs() == null && training.maxSteps() == null;
    boolean noWarmup = training.warmupSteps() == null && training.warmupRatio() == null;
    return new Training(
        noEnd ? Integer.valueOf(1) : training.epochs(),
        training.maxSteps(),
        training.learningRate(),
        training.schedule(),
        noWarmup ? Integer.valueOf(0) : training.warmupSteps(),
        training.warmupRatio(),
        training.weightDecay(),
        training.maxGradientNorm(),
        training.globalBatchSize(),
        training.maxLength(),
        training.shuffle(),
        training.seed(),
        training.precision(),
        training.optimizer(),
        training.optimizerOptions(),
        training.scheduleOptions(),
        training.labelSmoothing(),
        training.neftuneNoiseAlpha(),
        training.evalEverySteps());
  }

  private record Deciding(
      Task task,
      String modelUri,
      @Nullable String modelRevision,
      Dataset dataset,
      Adapter adapter,
      @Nullable Quantization quantization,
      Training training,
      @Nullable Classification classification,
      @Nullable Evaluation evaluation,
      @Nullable Forgetting forgetting,
      @Nullable String runId) {}
}
