package dev.finetune.trainer.run;

import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.run.ModelRequest.Event;
import dev.finetune.trainer.run.ModelRequest.Kind;
import dev.finetune.trainer.storage.ConditionalWrite;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.Downloaded;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Sha256;
import dev.finetune.trainer.storage.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The store as one actor of a model sees it: every request waits until the course of events that is
 * being tried lets it happen, and then goes as that says.
 */
class ModelStore implements ObjectStore {
  private final ModelExecution execution;
  private final int actor;

  ModelStore(ModelExecution execution, int actor) {
    this.execution = execution;
    this.actor = actor;
  }

  /** Says that a process ended; no code of the product catches it. */
  static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash() {
      super("crash", null, false, false);
    }
  }

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    return read(Kind.GET, key).map(v -> new Document(v.content().clone(), v.etag()));
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    Optional<ModelWorld.Version> version = read(Kind.DOWNLOAD, key);
    if (version.isEmpty()) {
      return Optional.empty();
    }
    try {
      byte[] content = version.get().content();
      Files.write(target, content);
      return Optional.of(new Downloaded(content.length, version.get().etag(), Sha256.of(content)));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private Optional<ModelWorld.Version> read(Kind kind, String key) {
    ModelRequest request = request(kind, key, null, null);
    answered(request);
    ModelWorld.Version version = execution.world().get(key);
    execution.saw(request, version == null ? "nothing" : version.etag());
    return Optional.ofNullable(version);
  }

  @Override
  public List<StoredObject> list(String folder) {
    ModelRequest request = request(Kind.LIST, folder, null, null);
    answered(request);
    List<StoredObject> listed = execution.world().list(folder);
    // Of a whole run an attempt looks at the names of the folders only.
    boolean whole = folder.equals(ModelActor.FOLDER);
    Set<String> names = new TreeSet<>();
    for (StoredObject object : listed) {
      String key = object.key();
      if (!isProbe(key)) {
        names.add(
            whole && key.contains("/attempt-") ? key.substring(0, key.lastIndexOf('/')) : key);
      }
    }
    execution.saw(request, names.toString());
    return listed;
  }

  @Override
  public Optional<StoredObject> head(String key) {
    throw new UnsupportedOperationException("no actor asks for it");
  }

  @Override
  public String put(String key, byte[] content) {
    ModelRequest request = request(Kind.PUT, key, content, null);
    answered(request);
    execution.write(request);
    return execution.world().get(key).etag();
  }

  @Override
  public String upload(String key, Path file) {
    try {
      return put(key, Files.readAllBytes(file));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void delete(String key) {
    ModelRequest request = request(Kind.DELETE, key, null, null);
    answered(request);
    execution.write(request);
  }

  @Override
  public ConditionalWrite putIfAbsent(String key, byte[] content) {
    return conditional(request(Kind.PUT_IF_ABSENT, key, content, null));
  }

  @Override
  public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    return conditional(request(Kind.PUT_IF_MATCH, key, content, etag));
  }

  /** Writes an object whatever the condition was. */
  final ConditionalWrite unconditional(Kind kind, String key, byte[] content) {
    return conditional(request(kind, key, content, ModelExecution.ANY));
  }

  private ConditionalWrite conditional(ModelRequest request) {
    try {
      answered(request);
    } catch (StorageUnreachable e) {
      return new ConditionalWrite.Unanswered(e);
    }
    return execution.write(request)
        ? new ConditionalWrite.Written(execution.world().get(request.key()).etag())
        : new ConditionalWrite.PreconditionFailed();
  }

  private void answered(ModelRequest request) {
    if (isProbe(request.key()) && !execution.scenario().options().withProbe()) {
      // The key of a probe is its own, so that no order of requests makes a difference to it.
      return;
    }
    Event event = execution.await(request);
    if (event == Event.CRASH) {
      throw new Crash();
    }
    if (event != Event.ANSWER) {
      throw new StorageUnreachable("no answer to " + request.text());
    }
  }

  private ModelRequest request(
      Kind kind, String key, byte @Nullable [] content, @Nullable String etag) {
    ModelWorld world = execution.world();
    String written = content == null ? "" : " " + ModelWorld.hash(world.text(actor, key, content));
    String text = kind + " " + world.named(actor, key) + (etag == null ? "" : " " + etag) + written;
    return new ModelRequest(actor, kind, key, content, etag, text);
  }

  static boolean isProbe(String key) {
    return key.contains("/probe-");
  }

  @Override
  public String location(String key) {
    return "model:" + key;
  }

  @Override
  public void close() {
    // The objects go with the world.
  }
}
