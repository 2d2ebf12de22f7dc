package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.storage.FaultyStore;
import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Retry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A run in a store that can fail, with a clock and the notices at hand. */
final class RunFixture {
  static final String FOLDER = "ns/job/0123456789abcdef/";

  final FaultyStore store;
  final TickingClock clock = new TickingClock();
  final List<String> notices = Collections.synchronizedList(new ArrayList<>());
  final RunFolder folder;
  private final Path local;

  RunFixture(Path local) {
    this(local, new MemoryStore(), 2);
  }

  RunFixture(Path local, ObjectStore store, int keepLast) {
    this(local, store, keepLast, 1);
  }

  RunFixture(Path local, ObjectStore store, int keepLast, int keepBest) {
    this.local = local;
    this.store = new FaultyStore(store);
    Retry retry = new Retry(Duration.ofMillis(1), Duration.ofMillis(4), Duration.ofMillis(300));
    this.folder =
        new RunFolder(
            this.store,
            FOLDER,
            new RunSettings(Duration.ofMinutes(5), keepLast, keepBest, retry, clock, notices::add));
  }

  Run claim(String owner) {
    Claim claim = Run.claim(folder, new ClaimRequest(owner, false));
    assertThat(claim).isInstanceOf(Claim.Claimed.class);
    return ((Claim.Claimed) claim).run();
  }

  /** Writes the files of a checkpoint whose content tells the attempt and the step. */
  Map<String, Path> files(Run run, int step) {
    try {
      Path folder = Files.createTempDirectory(local, "files");
      return Map.of(
          "adapter.safetensors",
          Files.writeString(folder.resolve("a"), "adapter " + run.attempt() + " " + step),
          "state.json",
          Files.writeString(folder.resolve("s"), "{\"step\": " + step + "}"));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Returns a JSON object as the trainer would have written it. */
  static byte[] sealed(String json) {
    try {
      return SealedJson.write(
          RunJson.read(json.getBytes(StandardCharsets.UTF_8), ObjectNode.class));
    } catch (IOException e) {
      throw new IllegalArgumentException(json, e);
    }
  }

  byte[] head() {
    return store.get(FOLDER + "head.json", 1 << 20).orElseThrow().content();
  }

  Path work() {
    return local.resolve("work");
  }

  List<Integer> listedSteps() {
    return folder.readHead().orElseThrow().checkpoints().stream().map(c -> c.step()).toList();
  }

  List<String> keys() {
    return store.list(FOLDER).stream().map(o -> o.key().substring(FOLDER.length())).toList();
  }

  static RunRecord record(String modelDigest) {
    return new RunRecord(
        "0123456789abcdef",
        new TreeMap<>(
            Map.of(
                "spec.model.uri", new SourceIdentity("s3://m/llama", modelDigest, 10),
                "spec.dataset.train", new SourceIdentity("file:t.jsonl", "sha256:dd", 3))),
        "bf16",
        2,
        4096,
        false,
        new TreeMap<>(Map.of("libtorch", "2.7.1")),
        0);
  }
}
