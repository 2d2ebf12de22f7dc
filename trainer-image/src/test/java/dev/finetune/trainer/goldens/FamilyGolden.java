package dev.finetune.trainer.goldens;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.weights.WeightReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A tiny model of a family with what transformers and PEFT made of it, as
 * bench/goldens/make_families.py writes it.
 */
public final class FamilyGolden {
  private static final String FOLDER = "families";
  private static final String ENDING = ".safetensors.gz";

  private final GoldenTensors tensors;
  private final ModelConfig config;

  /** Reads one. */
  public FamilyGolden(String name) {
    this.tensors = Goldens.tensors(FOLDER + "/" + name + ENDING);
    try {
      Path file = Files.createTempFile("config", ".json");
      try {
        Files.writeString(file, tensors.metadata("config"));
        this.config = BaseModel.readConfig(file);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the names of all. */
  public static List<String> names() {
    try (Stream<Path> files = Files.list(Goldens.path(FOLDER))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(ENDING))
          .map(name -> name.substring(0, name.length() - ENDING.length()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the configuration, read as a job reads it. */
  public ModelConfig config() {
    return config;
  }

  /** Returns the tensors. */
  public GoldenTensors tensors() {
    return tensors;
  }

  /** Returns what the case says of losses and norms. */
  public JsonNode run() {
    return json("case");
  }

  /** Returns the versions that made it. */
  public JsonNode versions() {
    return json("versions");
  }

  /** Returns PEFT's configuration of the adapter. */
  public JsonNode adapter() {
    return json("adapter");
  }

  private JsonNode json(String key) {
    try {
      return new ObjectMapper().readTree(tensors.metadata(key));
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Loads the model. */
  public DecoderModel load(Kernels kernels, @Nullable Quantization quantization) {
    return ModelLoader.load(kernels, config, weights(), quantization);
  }

  /** Returns the weights as the loader wants them. */
  public WeightReader weights() {
    return DecoderTensors.arranged(config, new Weights(tensors));
  }

  /** Returns the tokens of a sequence that runs by itself. */
  public int[] tokens(int sequence) {
    return ids(tensors.bytes("forward." + sequence + ".ids"));
  }

  /** Returns the rows of a training step. */
  public List<Example> step(int step) {
    int prompt = run().path("prompt").asInt();
    return Stream.of(0, 1)
        .map(
            row -> {
              String name = "train." + row + ".ids";
              int length = (int) tensors.shape(name)[1];
              byte[] all = tensors.bytes(name);
              byte[] bytes = new byte[length];
              System.arraycopy(all, step * length, bytes, 0, length);
              int[] ids = ids(bytes);
              int[] labels = ids.clone();
              java.util.Arrays.fill(labels, 0, prompt, Example.NOT_SUPERVISED);
              return new Example(row, ids, labels);
            })
        .toList();
  }

  private static int[] ids(byte[] bytes) {
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = bytes[i];
    }
    return ids;
  }

  /**
   * Returns an adapter's tensors, {@code init} or {@code final}, by PEFT's names without prefix.
   */
  public Map<String, float[]> adapterTensors(String when) {
    String prefix = when + ".base_model.model.";
    Map<String, float[]> values = new TreeMap<>();
    for (String name : tensors.names()) {
      if (name.startsWith(prefix)) {
        values.put(name.substring(prefix.length()), tensors.floats(name));
      }
    }
    return values;
  }

  private record Weights(GoldenTensors tensors) implements WeightReader {
    private static final String PREFIX = "model.";

    @Override
    public Set<String> names() {
      return tensors.names().stream()
          .filter(name -> name.startsWith(PREFIX))
          .map(name -> name.substring(PREFIX.length()))
          .collect(Collectors.toSet());
    }

    @Override
    public long[] shape(String name) {
      return tensors.shape(PREFIX + name);
    }

    @Override
    public void read(String name, FloatBuffer target) {
      target.put(tensors.floats(PREFIX + name));
    }

    @Override
    public void close() {}
  }
}
