package dev.finetune.trainer.cache;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Makes room: what was not used for longest goes first, and nothing that has another name in the
 * folder of a living process, since that would give no byte back.
 */
final class Eviction {
  private final CacheFolder folder;
  private final Index index;
  private final ContentCache.Limits limits;
  private final Consumer<String> notices;

  Eviction(CacheFolder folder, Index index, ContentCache.Limits limits, Consumer<String> notices) {
    this.folder = folder;
    this.index = index;
    this.limits = limits;
    this.notices = notices;
  }

  /** A file of the cache. */
  private record Candidate(Path file, long bytes, boolean used, long lastUse) {}

  /**
   * Removes files until some bytes more fit.
   *
   * @param what they are, for the message
   * @throws InvalidConfiguration if they are more than the limit
   * @throws StorageUnreachable if too much is in use
   */
  synchronized void makeRoom(String what, long needed) throws IOException {
    if (needed > limits.bytes()) {
      throw new InvalidConfiguration(
          "%s: must hold %s, which has %d bytes; was %d"
              .formatted(CacheLimit.VARIABLE, what, needed, limits.bytes()));
    }
    List<Candidate> candidates = candidates();
    long held = candidates.stream().mapToLong(Candidate::bytes).sum() + partialBytes();
    for (Candidate candidate : candidates) {
      if (fits(held, needed)) {
        return;
      }
      if (!candidate.used()) {
        remove(candidate);
        held -= candidate.bytes();
      }
    }
    if (needed > 0 && !fits(held, needed)) {
      throw full(what, needed, held);
    }
  }

  private boolean fits(long held, long needed) throws IOException {
    return held <= limits.bytes() - needed && limits.disk().usable() >= needed;
  }

  private StorageUnreachable full(String what, long needed, long held) throws IOException {
    return new StorageUnreachable(
        "cache %s: needs %d bytes for %s, but %d are free on its disk and it holds %d%s, which running processes use"
            .formatted(
                folder.root(),
                needed,
                what,
                limits.disk().usable(),
                held,
                limits.bytes() == CacheLimit.NONE
                    ? ""
                    : " of at most " + limits.bytes() + " (" + CacheLimit.VARIABLE + ")"));
  }

  private void remove(Candidate candidate) throws IOException {
    notices.accept(
        "cache: "
            + candidate.file()
            + " ("
            + candidate.bytes()
            + " bytes, not used for longest) goes to make room");
    Files.deleteIfExists(candidate.file());
    index.remove(CheckedContent.class, candidate.file().getFileName().toString());
  }

  /** Returns the files, the one that was not used for longest first. */
  private List<Candidate> candidates() throws IOException {
    List<Candidate> candidates = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder.files())) {
      for (Path file : files) {
        addTo(candidates, file);
      }
    }
    candidates.sort(Comparator.comparingLong(Candidate::lastUse));
    return candidates;
  }

  private void addTo(List<Candidate> candidates, Path file) throws IOException {
    try {
      Fingerprint.Entry entry = Fingerprint.read(file, LinkOption.NOFOLLOW_LINKS);
      long lastUse =
          index
              .find(CheckedContent.class, file.getFileName().toString())
              .map(CheckedContent::usedAt)
              .orElse(TimeUnit.NANOSECONDS.toSeconds(entry.fingerprint().modified()));
      candidates.add(new Candidate(file, entry.fingerprint().bytes(), entry.links() > 1, lastUse));
    } catch (NoSuchFileException e) {
      // Another process removed it just now: the room is there.
      System.getLogger(Eviction.class.getName())
          .log(System.Logger.Level.DEBUG, "{0} is gone", e.getMessage());
    }
  }

  private long partialBytes() throws IOException {
    long bytes = 0;
    try (DirectoryStream<Path> partials = Files.newDirectoryStream(folder.partials())) {
      for (Path partial : partials) {
        bytes += Files.exists(partial, LinkOption.NOFOLLOW_LINKS) ? size(partial) : 0;
      }
    }
    return bytes;
  }

  private static long size(Path partial) throws IOException {
    try {
      return Fingerprint.read(partial, LinkOption.NOFOLLOW_LINKS).fingerprint().bytes();
    } catch (NoSuchFileException e) {
      // It was renamed just now, and counts where it is.
      return 0;
    }
  }
}
