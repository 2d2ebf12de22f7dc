package dev.finetune.trainer.basemodel;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.quant.BitsAndBytesReader;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.weights.GgufReader;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A frozen base model on disk: configuration, weights and tokenizer. What it is made of was checked
 * when it was opened, before any weight was read.
 */
public final class BaseModel implements AutoCloseable {
  private final String name;
  private final ModelConfig config;
  private final WeightReader weights;
  private final Tokenizer tokenizer;

  private BaseModel(String name, ModelConfig config, WeightReader weights, Tokenizer tokenizer) {
    this.name = name;
    this.config = config;
    this.weights = weights;
    this.tokenizer = tokenizer;
  }

  /**
   * Opens a folder in the Hugging Face layout or a {@code .gguf} file, with special tokens in texts
   * recognized. The caller closes it.
   *
   * @throws UnreadableData if a file is missing, broken, or does not fit the others
   * @throws UnsupportedModel if the architecture, a feature or a tensor's type is not supported
   */
  public static BaseModel open(Path folderOrGguf) {
    return open(folderOrGguf, SpecialTokensInText.RECOGNIZED);
  }

  /**
   * Opens a base model as {@link #open(Path)} does, with a choice about special tokens in texts.
   */
  public static BaseModel open(Path folderOrGguf, SpecialTokensInText specialTokens) {
    if (Files.isDirectory(folderOrGguf)) {
      return openFolder(folderOrGguf, specialTokens);
    }
    if (!Files.exists(folderOrGguf)) {
      throw new UnreadableData(
          folderOrGguf + ": expected a folder with a config.json or a .gguf file, found nothing");
    }
    return openGguf(folderOrGguf, specialTokens);
  }

  /**
   * Reads the shape of a decoder from a {@code config.json}, which needs no weights beside it.
   *
   * @throws UnreadableData if the file is missing or broken
   * @throws UnsupportedModel if the architecture or a feature is not supported
   */
  public static ModelConfig readConfig(Path file) {
    return HuggingFaceConfig.read(file);
  }

  private static BaseModel openFolder(Path folder, SpecialTokensInText specialTokens) {
    Path settings = folder.resolve("config.json");
    ModelConfig config = HuggingFaceConfig.read(settings);
    boolean quantized =
        StoredQuantization.declared(JsonFile.readObject(settings, JsonFile.SETTINGS_BYTES));
    SafetensorsReader weights = SafetensorsReader.openModel(folder);
    boolean opened = false;
    try {
      WeightReader values = quantized ? BitsAndBytesReader.of(folder.toString(), weights) : weights;
      WeightReader shown = DecoderTensors.arranged(config, values);
      DecoderTensors.require(folder.toString(), config, shown);
      requireReadable(folder, config, weights, shown);
      Tokenizer tokenizer = Tokenizer.fromFolder(folder, specialTokens);
      BaseModel model = new BaseModel(name(folder), config, shown, tokenizer);
      model.requireFittingTokenizer(folder);
      opened = true;
      return model;
    } finally {
      if (!opened) {
        weights.close();
      }
    }
  }

  private static BaseModel openGguf(Path file, SpecialTokensInText specialTokens) {
    GgufReader weights = GgufReader.open(file);
    boolean opened = false;
    try {
      ModelConfig config = GgufConfig.read(weights);
      DecoderTensors.require(file.toString(), config, weights);
      Tokenizer tokenizer = Tokenizer.fromGguf(weights.metadata(), specialTokens);
      BaseModel model = new BaseModel(name(file), config, weights, tokenizer);
      model.requireFittingTokenizer(file);
      opened = true;
      return model;
    } finally {
      if (!opened) {
        weights.close();
      }
    }
  }

  private static void requireReadable(
      Path folder, ModelConfig config, SafetensorsReader weights, WeightReader shown) {
    for (String tensor : DecoderTensors.shapes(config).keySet()) {
      String stored =
          shown instanceof Gpt2Weights renamed
              ? renamed.stored().getOrDefault(tensor, tensor)
              : tensor;
      boolean quantized = shown instanceof BitsAndBytesReader coded && coded.isQuantized(tensor);
      if (!quantized && !weights.type(stored).readableAsFloat()) {
        throw new UnsupportedModel(
            "%s: tensor '%s': type %s is not supported, use F32, F16 or BF16"
                .formatted(folder, stored, weights.type(stored)));
      }
    }
  }

  private void requireFittingTokenizer(Path path) {
    if (tokenizer.vocabularySize() > config.vocabularySize()) {
      tokenizer.close();
      throw new UnreadableData(
          "%s: the tokenizer has %d tokens, the model's embedding only %d"
              .formatted(path, tokenizer.vocabularySize(), config.vocabularySize()));
    }
  }

  private static String name(Path path) {
    String name = path.toAbsolutePath().normalize().getFileName().toString();
    return name.endsWith(".gguf") ? name.substring(0, name.length() - ".gguf".length()) : name;
  }

  /** Returns the name of the folder, or of the file without its ending. */
  public String name() {
    return name;
  }

  /** Returns the shape of the decoder. */
  public ModelConfig config() {
    return config;
  }

  /** Returns the weights, which close with this model. */
  public WeightReader weights() {
    return weights;
  }

  /** Returns how the linear layers are stored, if they are quantized as {@code NF4}. */
  public Optional<Quantization> quantization() {
    return weights instanceof BitsAndBytesReader stored ? stored.quantization() : Optional.empty();
  }

  /** Returns the tokenizer, which closes with this model. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** Lets go of the files and of the tokenizer's memory. */
  @Override
  public void close() {
    tokenizer.close();
    weights.close();
  }
}
