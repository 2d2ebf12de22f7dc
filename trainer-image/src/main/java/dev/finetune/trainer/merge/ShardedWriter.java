package dev.finetune.trainer.merge;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsWriter;
import dev.finetune.trainer.weights.WeightReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes weights as {@code model.safetensors}, or, above a bound, as shards with the index that
 * transformers reads.
 *
 * @param type type of all tensors: F32, F16 or BF16
 * @param mostBytes bytes of tensors after which a shard ends; a larger tensor is a shard of its own
 */
record ShardedWriter(ElementType type, long mostBytes) {
  /**
   * Writes tensors in an order.
   *
   * @param weights read while it writes, one part at a time
   * @throws StorageUnreachable if a file could not be written
   */
  void write(Path folder, WeightReader weights, Collection<String> names) {
    List<List<String>> shards = shards(weights, names);
    if (shards.size() == 1) {
      write(folder.resolve("model.safetensors"), weights, shards.getFirst());
      return;
    }
    Map<String, String> places = new TreeMap<>();
    for (int i = 0; i < shards.size(); i++) {
      String file = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
      write(folder.resolve(file), weights, shards.get(i));
      shards.get(i).forEach(name -> places.put(name, file));
    }
    writeIndex(folder.resolve("model.safetensors.index.json"), weights, places);
  }

  private List<List<String>> shards(WeightReader weights, Collection<String> names) {
    List<List<String>> shards = new ArrayList<>();
    List<String> shard = new ArrayList<>();
    long bytes = 0;
    for (String name : names) {
      long size = bytes(weights, name);
      if (!shard.isEmpty() && size > mostBytes - bytes) {
        shards.add(List.copyOf(shard));
        shard.clear();
        bytes = 0;
      }
      shard.add(name);
      bytes += size;
    }
    shards.add(List.copyOf(shard));
    return shards;
  }

  private long bytes(WeightReader weights, String name) {
    long bytes = type.bytes();
    for (long size : weights.shape(name)) {
      bytes = Math.multiplyExact(bytes, size);
    }
    return bytes;
  }

  private void write(Path file, WeightReader weights, List<String> names) {
    SafetensorsWriter writer = new SafetensorsWriter();
    names.forEach(name -> writer.add(name, type, weights));
    writer.write(file);
  }

  private void writeIndex(Path file, WeightReader weights, Map<String, String> places) {
    long total = places.keySet().stream().mapToLong(name -> bytes(weights, name)).sum();
    try (OutputStream out = Files.newOutputStream(file);
        JsonGenerator json = JsonFile.factory().createGenerator(out)) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeObjectFieldStart("metadata");
      json.writeNumberField("total_size", total);
      json.writeEndObject();
      json.writeObjectFieldStart("weight_map");
      for (Map.Entry<String, String> place : places.entrySet()) {
        json.writeStringField(place.getKey(), place.getValue());
      }
      json.writeEndObject();
      json.writeEndObject();
    } catch (IOException e) {
      throw new StorageUnreachable(file + ": could not be written: " + e.getMessage(), e);
    }
  }
}
