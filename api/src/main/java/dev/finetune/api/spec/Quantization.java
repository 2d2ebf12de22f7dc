package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.ValidationRule;

/**
 * How the frozen base weights are stored. Without it they are not quantized and the job is plain
 * LoRA.
 */
@ValidationRule(
    value = "self.blockSize in [32, 64, 128, 256, 512, 1024, 2048, 4096]",
    message = EitherOr.BLOCK_SIZE,
    fieldPath = ".blockSize")
public record Quantization(
    @JsonPropertyDescription("4-bit data type: NF4. Default NF4.") @Default("NF4")
        QuantizationType type,
    @JsonPropertyDescription(
            "Weights that share one scale, a power of two from 32 to 4096. Default 64.")
        @Min(32)
        @Max(4096)
        @Default("64")
        Integer blockSize,
    @JsonPropertyDescription("Whether the scales are quantized too, to 8 bits. Default false.")
        @Default("false")
        Boolean doubleQuantization) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Quantization {
    type = type == null ? QuantizationType.NF4 : type;
    blockSize = blockSize == null ? 64 : blockSize;
    doubleQuantization = doubleQuantization == null ? false : doubleQuantization;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static Quantization defaults() {
    return new Quantization(null, null, null);
  }
}
