package dev.finetune.api.status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.PrinterColumn;
import org.jspecify.annotations.Nullable;

/** The delivered adapter. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AdapterStatus(
    @PrinterColumn(name = "ADAPTER", priority = 1)
        @JsonPropertyDescription("Folder of the adapter in object storage.")
        @Nullable String uri,
    @JsonPropertyDescription("SHA-256 of the manifest of the folder.")
        @Nullable String manifestSha256,
    @JsonPropertyDescription("Held-out loss before training.") @Nullable String evalLossBefore,
    @JsonPropertyDescription("Held-out loss with the adapter.") @Nullable String evalLossAfter,
    @JsonPropertyDescription("Step that the adapter is of, if that is not the last one.")
        @Nullable Integer step,
    @JsonPropertyDescription(
            "Metrics of held-out rows before training, such as accuracy 0.52, macroF1 0.48.")
        @Nullable String metricsBefore,
    @JsonPropertyDescription("The same with the adapter.") @Nullable String metricsAfter,
    @JsonPropertyDescription("Loss of the general rows before training, nats per token.")
        @Nullable String generalLossBefore,
    @JsonPropertyDescription("The same with the adapter.") @Nullable String generalLossAfter) {}
