package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.Sha256;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads documents of a run that anyone with access to the bucket may have written. */
public final class HostileDocuments {
  private static final String CHECKPOINT = "attempt-0001/checkpoint-00000010/";
  private static final byte[] FILE = {1, 2, 3};

  private static final Pattern SEAL = Pattern.compile("\"sha256\" ?: ?\"([0-9a-f]{64})\"");

  private HostileDocuments() {}

  /** Returns a head that lists one checkpoint. */
  public static byte[] head() {
    return head(new byte[0]);
  }

  /** Returns a manifest of one file. */
  public static byte[] manifest() {
    return RunJson.write(
        new Manifest(
            Manifest.FORMAT_VERSION,
            new java.util.TreeMap<>(
                java.util.Map.of(
                    "adapter.bin", new Manifest.ManifestEntry(FILE.length, Sha256.of(FILE))))));
  }

  /** Returns a record of a run. */
  public static byte[] record() {
    return SealedJson.write(RunFixture.record("sha256:aa"));
  }

  /** Claims a run by a head and resumes from what it lists. */
  public static void readHead(byte[] input, Path folder) {
    RunFixture fixture = fixture(folder);
    fixture.store.put(RunFixture.FOLDER + "head.json", sealed(input));
    claimAndResume(fixture);
  }

  /** Resumes from a checkpoint of this manifest. */
  public static void readManifest(byte[] input, Path folder) {
    RunFixture fixture = fixture(folder);
    fixture.store.put(RunFixture.FOLDER + "head.json", head(input));
    fixture.store.put(RunFixture.FOLDER + CHECKPOINT + "manifest.json", input);
    fixture.store.put(RunFixture.FOLDER + CHECKPOINT + "adapter.bin", FILE);
    claimAndResume(fixture);
  }

  /** Obeys a record of a run. */
  public static void readRecord(byte[] input, Path folder) {
    RunFixture fixture = fixture(folder);
    Run run = fixture.claim("a");
    fixture.store.put(RunFixture.FOLDER + "run.json", sealed(input));
    run.freeze(RunFixture.record("sha256:aa"));
  }

  private static void claimAndResume(RunFixture fixture) {
    Claim claim = Run.claim(fixture.folder, new ClaimRequest("a", true));
    if (claim instanceof Claim.Claimed(Run run)) {
      run.resume(fixture.work());
    }
    for (String notice : fixture.notices) {
      if (notice.length() > 2000 || notice.chars().anyMatch(c -> c < ' ')) {
        throw new AssertionError("a notice is not for a person: " + notice);
      }
    }
  }

  private static RunFixture fixture(Path folder) {
    return new RunFixture(folder, new MemoryStore(), 2);
  }

  /** Who writes a hostile document knows how to seal it. */
  private static byte[] sealed(byte[] document) {
    String text = new String(document, StandardCharsets.ISO_8859_1);
    Matcher seal = SEAL.matcher(text);
    if (!seal.find()) {
      return document;
    }
    String before = text.substring(0, seal.start(1));
    String after = text.substring(seal.end(1));
    String open = before + "0".repeat(64) + after;
    String hash = Sha256.of(open.getBytes(StandardCharsets.ISO_8859_1));
    return (before + hash + after).getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] head(byte[] manifest) {
    Instant time = Instant.parse("2026-01-01T00:00:00Z");
    return SealedJson.write(
        new Head(
            1,
            "a",
            time,
            "w",
            List.of(
                new CheckpointEntry(
                    10, 1, CHECKPOINT, Sha256.of(manifest), FILE.length, time, 1.5)),
            10,
            null,
            null));
  }
}
