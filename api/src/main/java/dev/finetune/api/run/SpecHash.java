package dev.finetune.api.run;

import dev.finetune.api.spec.Adapter;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.Task;
import dev.finetune.api.spec.Training;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Names a run by what decides its result: the spec fields as written, defaults filled in, plus
 * {@code runId}. Operator and trainer compute it without reading a byte of model or data. Storage,
 * Secrets, resources, pod settings and the checkpoint policy do not change the result and are not
 * part of it.
 */
public final class SpecHash {
  private SpecHash() {}

  /** Returns 16 hexadecimal digits. */
  public static String of(FineTuneJobSpec spec) {
    Deciding deciding =
        new Deciding(
            spec.task(),
            spec.model().uri(),
            spec.model().revision(),
            spec.dataset(),
            spec.adapter(),
            spec.quantization(),
            spec.training(),
            spec.runId());
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(RunJson.write(deciding));
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  private record Deciding(
      Task task,
      String modelUri,
      @Nullable String modelRevision,
      Dataset dataset,
      Adapter adapter,
      @Nullable Quantization quantization,
      Training training,
      @Nullable String runId) {}
}
