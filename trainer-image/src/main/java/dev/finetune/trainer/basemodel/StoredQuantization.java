package dev.finetune.trainer.basemodel;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import org.jspecify.annotations.Nullable;

/**
 * What a {@code config.json} says about weights that are stored quantized, and a job about them.
 */
public final class StoredQuantization {
  private static final String FIELD = "quantization_config";

  private StoredQuantization() {}

  /**
   * Returns whether a configuration says that weights are stored in 4 bits by bitsandbytes.
   *
   * @throws UnsupportedModel if they are stored in another way
   */
  static boolean declared(JsonFields config) {
    JsonFields fields = config.object(FIELD);
    if (fields == null) {
      return false;
    }
    String method = fields.text("quant_method");
    if (method != null && !method.equals("bitsandbytes")) {
      throw new UnsupportedModel(
          "%s: quant_method %s is not supported, use bitsandbytes in 4 bits or the model's own"
                  .formatted(fields.source(), method)
              + " weights");
    }
    if (!fields.booleanOr("load_in_4bit", false)) {
      throw new UnsupportedModel(
          fields.source()
              + ": expected load_in_4bit, use bitsandbytes in 4 bits or the model's own"
              + " weights");
    }
    String type = fields.text("bnb_4bit_quant_type");
    if (type != null && !type.equals("nf4")) {
      throw new UnsupportedModel(
          "%s: bnb_4bit_quant_type %s is not supported, use nf4".formatted(fields.source(), type));
    }
    String storage = fields.text("bnb_4bit_quant_storage");
    if (storage != null && !storage.equals("uint8")) {
      throw new UnsupportedModel(
          "%s: bnb_4bit_quant_storage %s is not supported, use uint8"
              .formatted(fields.source(), storage));
    }
    return true;
  }

  /**
   * Returns how a job keeps the weights of a base model.
   *
   * @param asked what {@code spec.quantization} says, or null
   * @param stored how the weights are stored, or null if they are not quantized
   * @throws InvalidConfiguration if the job asks for something else than what is stored
   */
  public static @Nullable Quantization agree(
      @Nullable Quantization asked, @Nullable Quantization stored) {
    if (stored == null) {
      return asked;
    }
    if (asked != null && !asked.equals(stored)) {
      throw new InvalidConfiguration(
          "spec.quantization: the base model is stored in %s, which is kept as it is; leave it out or say the same, was %s"
              .formatted(words(stored), words(asked)));
    }
    return stored;
  }

  private static String words(Quantization quantization) {
    return "type %s, blockSize %d, doubleQuantization %s"
        .formatted(
            quantization.type(), quantization.blockSize(), quantization.doubleQuantization());
  }
}
