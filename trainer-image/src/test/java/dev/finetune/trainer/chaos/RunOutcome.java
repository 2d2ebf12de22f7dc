package dev.finetune.trainer.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.report.ReportPage;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoredObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a delivered run left that must not depend on how often it was interrupted.
 *
 * @param files content by name: the files of the adapter, below {@code checkpoint/} those of the
 *     last checkpoint; without the report, which tells how long steps took
 * @param metrics metrics by step without times; of a step that ran twice those of the highest
 *     attempt
 */
record RunOutcome(SortedMap<String, byte[]> files, SortedMap<Integer, String> metrics) {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int MAX_BYTES = 256 << 20;

  /** Reads the head of a run. */
  static Optional<Head> head(ObjectStore store, String runFolder) throws IOException {
    byte[] json =
        store.get(runFolder + StorageLayout.HEAD, MAX_BYTES).map(d -> d.content()).orElse(null);
    return json == null ? Optional.empty() : Optional.of(RunJson.read(json, Head.class));
  }

  /** Reads what a run left that is delivered. */
  static RunOutcome of(ObjectStore store, String runFolder) throws IOException {
    Head head = head(store, runFolder).orElseThrow();
    Delivery delivery = Optional.ofNullable(head.delivered()).orElseThrow();
    CheckpointEntry last = head.checkpoints().getLast();
    SortedMap<String, byte[]> files = new TreeMap<>();
    read(store, runFolder + delivery.folder(), "", files);
    read(store, runFolder + last.folder(), "checkpoint/", files);
    if (files.remove(ReportPage.FILE) == null) {
      throw new IllegalStateException("nothing was reported");
    }
    files.computeIfPresent(StorageLayout.MANIFEST, (_, json) -> withoutReport(json));
    return new RunOutcome(files, metrics(store, runFolder));
  }

  /** Returns a manifest without what it says of the report. */
  static byte[] withoutReport(byte[] manifest) {
    try {
      ObjectNode document = (ObjectNode) MAPPER.readTree(manifest);
      if (((ObjectNode) document.path("files")).remove(ReportPage.FILE) == null) {
        throw new IllegalStateException("the manifest lacks the report");
      }
      return MAPPER.writeValueAsBytes(document);
    } catch (IOException e) {
      throw new UncheckedIOException("not a manifest", e);
    }
  }

  private static void read(
      ObjectStore store, String folder, String prefix, SortedMap<String, byte[]> files) {
    for (StoredObject object : store.list(folder)) {
      files.put(
          prefix + object.key().substring(folder.length()),
          store.get(object.key(), MAX_BYTES).orElseThrow().content());
    }
  }

  private static SortedMap<Integer, String> metrics(ObjectStore store, String runFolder)
      throws IOException {
    SortedMap<Integer, String> steps = new TreeMap<>();
    // Folders of attempts are listed in ascending order.
    List<String> parts =
        store.list(runFolder).stream()
            .map(StoredObject::key)
            .filter(key -> key.matches(".*/metrics-\\d+\\.jsonl"))
            .toList();
    for (String part : parts) {
      byte[] content = store.get(part, MAX_BYTES).orElseThrow().content();
      for (String line : new String(content, StandardCharsets.UTF_8).lines().toList()) {
        ObjectNode metrics = (ObjectNode) MAPPER.readTree(line);
        metrics.remove(List.of("seconds", "tokensPerSecond"));
        steps.put(metrics.path("step").asInt(), metrics.toString());
      }
    }
    return steps;
  }

  /** Returns the first step of an attempt that storage has metrics of, or 0. */
  static int firstStep(ObjectStore store, String runFolder, int attempt) throws IOException {
    SortedMap<Integer, String> steps =
        metrics(store, runFolder + StorageLayout.attemptFolder(attempt));
    return steps.isEmpty() ? 0 : steps.firstKey();
  }
}
