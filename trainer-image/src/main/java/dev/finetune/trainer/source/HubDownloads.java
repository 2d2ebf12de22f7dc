package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.Content;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Retry;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * Brings files of the Hub to the disk by way of the cache. A revision is resolved to its commit
 * once for a run: later attempts read that commit, whatever the branch has become, and make no
 * request at all if the cache has all of it.
 */
final class HubDownloads {
  private static final String COMMIT = "commit:";

  private final ContentCache cache;
  private final Hub hub;

  HubDownloads(ContentCache cache, Hub hub) {
    this.cache = cache;
    this.hub = hub;
  }

  /**
   * What is asked for.
   *
   * @param field field of the job
   * @param uri as written in it
   * @param location that is in it
   * @param pattern which files are meant, or null
   */
  record Request(String field, String uri, HubLocation location, @Nullable FilePattern pattern) {
    /** Returns whether all of a repository that is a model is meant. */
    private boolean isModel() {
      return location.path().isEmpty();
    }

    private boolean severalFiles() {
      return isModel() || pattern != null;
    }
  }

  /**
   * Returns what is asked for.
   *
   * @param expected what an earlier attempt of the run read, or null
   */
  Source fetch(Request request, @Nullable SourceIdentity expected) {
    Path view = cache.newView().resolve(viewName(request));
    String commit = expected == null ? null : commitOf(request, expected);
    if (commit != null && expected != null) {
      Optional<CachedSource> known =
          cache
              .find(CachedSource.class, sourceKey(request, commit))
              .filter(found -> expected.matches(identity(request, commit, found)));
      if (known.isPresent() && useAll(known.get(), view)) {
        return source(request, commit, known.get(), view);
      }
    }
    return bring(
        request, commit == null ? hub.commit(request.field, request.location) : commit, view);
  }

  private static @Nullable String commitOf(Request request, SourceIdentity expected) {
    return expected.uri().equals(request.uri) && expected.digest().startsWith(COMMIT)
        ? expected.digest().substring(COMMIT.length())
        : null;
  }

  private boolean useAll(CachedSource files, Path view) {
    return new Parallel("cache-check-")
        .map(files.files(), file -> cache.use(file.content(), view.resolve(file.name()))).stream()
            .allMatch(there -> there);
  }

  private Source bring(Request request, String commit, Path view) {
    List<HubFile> wanted = wanted(request, commit);
    ConcurrentSkipListMap<String, Content> brought = new ConcurrentSkipListMap<>();
    new Parallel("cache-check-")
        .map(
            wanted,
            file ->
                known(file)
                    .filter(content -> cache.use(content, view.resolve(file.name())))
                    .map(content -> brought.put(file.name(), content)));
    List<HubFile> missing =
        wanted.stream().filter(file -> !brought.containsKey(file.name())).toList();
    cache.makeRoom(request.uri, missing.stream().mapToLong(HubFile::bytes).sum());
    new Parallel("download-")
        .map(missing, file -> brought.put(file.name(), download(request, commit, file, view)));
    List<CachedSource.File> files = wanted.stream().map(file -> cached(file, brought)).toList();
    CachedSource whole =
        new CachedSource(sourceKey(request, commit), request.severalFiles(), files);
    cache.put(whole);
    return source(request, commit, whole, view);
  }

  private List<HubFile> wanted(Request request, String commit) {
    HubLocation location = request.location;
    List<HubFile> listed = hub.list(request.field, location, commit, location.folder());
    if (request.isModel()) {
      return HubModelFiles.of(request.field, location, listed);
    }
    FilePattern pattern = request.pattern;
    List<HubFile> wanted =
        listed.stream()
            .filter(
                file ->
                    pattern == null
                        ? file.path().equals(location.path())
                        : pattern.matches(file.name()))
            .sorted(Comparator.comparing(HubFile::name))
            .toList();
    if (pattern != null) {
      FilePattern.requireSome(request.field, request.uri, wanted.size());
    } else if (wanted.isEmpty()) {
      throw new UnreadableData(
          "%s: %s has no file %s".formatted(request.field, location, location.path()));
    }
    return wanted;
  }

  private Optional<Content> known(HubFile file) {
    return file.content()
        .or(
            () ->
                cache
                    .find(CachedObject.class, blobKey(file))
                    .map(CachedObject::content)
                    .filter(content -> content.bytes() == file.bytes()));
  }

  private Content download(Request request, String commit, HubFile file, Path view) {
    String what = request.location + "/" + file.path();
    Retry.Attempts attempts = hub.client().retry().attempts("download " + what);
    while (true) {
      try {
        Content content =
            cache.add(
                view.resolve(file.name()),
                target ->
                    HubDownload.receive(
                        hub.client(),
                        request.field,
                        request.location,
                        hub.file(request.location, commit, file),
                        file,
                        target));
        cache.put(new CachedObject(blobKey(file), content.sha256(), content.bytes()));
        return content;
      } catch (StorageUnreachable e) {
        // If it was the disk that was full, this makes room or says so.
        cache.makeRoom(what, file.bytes());
        attempts.failed(e);
      }
    }
  }

  @SuppressWarnings("NullAway") // Every file was brought.
  private static CachedSource.File cached(
      HubFile file, ConcurrentSkipListMap<String, Content> brought) {
    return new CachedSource.File(
        file.name(), file.bytes(), file.blob(), brought.get(file.name()).sha256());
  }

  private static Source source(Request request, String commit, CachedSource files, Path view) {
    List<Path> paths =
        request.isModel()
            ? List.of(view)
            : files.files().stream().map(file -> view.resolve(file.name())).toList();
    Path path = request.severalFiles() ? view : paths.getFirst();
    return new Source(path, paths, identity(request, commit, files));
  }

  private static SourceIdentity identity(Request request, String commit, CachedSource files) {
    SourceIdentity bytes = files.identity(request.field, request.uri);
    return new SourceIdentity(request.uri, COMMIT + commit, bytes.bytes(), bytes.content());
  }

  /** Models are known by the name of their folder, so it is that of the repository. */
  private static String viewName(Request request) {
    return request.isModel() ? request.location.name() : "files";
  }

  private String sourceKey(Request request, String commit) {
    return "hub\n"
        + hub.endpoint()
        + "\n"
        + request.location.kind()
        + "\n"
        + request.uri
        + "\n"
        + commit;
  }

  private String blobKey(HubFile file) {
    return "hub\n" + hub.endpoint() + "\n" + file.blob() + "\n" + file.bytes();
  }
}
