package dev.finetune.operator.progress;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SealedJson;
import dev.finetune.operator.progress.ObjectReader.Content;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a run, open for reading and writing by names within it. The caller closes it.
 *
 * @param store client that holds the credentials of the job
 * @param reader reads objects of the bucket
 * @param writer writes and deletes objects of the bucket
 * @param prefix key of the folder, ending with a slash
 */
record RunFolder(StoreClients.Store store, ObjectReader reader, ObjectWriter writer, String prefix)
    implements AutoCloseable {
  /**
   * Returns an object, without bytes if it still has this entity tag, or empty if there is none.
   *
   * @throws BrokenRun if it is larger than the bound
   * @throws IOException if it breaks off
   */
  Optional<Content> get(String name, @Nullable String etag) throws BrokenRun, IOException {
    Optional<Content> content = reader.get(prefix + name, etag);
    if (content.isPresent() && content.get().tooLarge()) {
      throw new BrokenRun(
          name + ": must have at most " + reader.maximumBytes() + " bytes, has more");
    }
    return content;
  }

  /** Returns the size of an object in bytes, or empty if there is none. */
  OptionalLong size(String name) {
    return reader.size(prefix + name);
  }

  /**
   * Reads JSON.
   *
   * @param name where the bytes come from, for the message
   * @throws BrokenRun if the bytes are not such a document
   */
  static <T> T parse(String name, byte[] bytes, Class<T> type) throws BrokenRun {
    if (bytes.length == 0) {
      throw new BrokenRun(name + ": must not be empty");
    }
    T document;
    try {
      document = RunJson.read(bytes, type);
    } catch (IOException e) {
      // Its message quotes what stands there, which may be anything of anyone.
      throw new BrokenRun(
          name
              + ": must be JSON of a "
              + type.getSimpleName()
              + ", is none of "
              + bytes.length
              + " bytes");
    }
    if (document == null) {
      throw new BrokenRun(name + ": must not be null");
    }
    return document;
  }

  /**
   * Reads JSON that carries its own hash.
   *
   * @param name where the bytes come from, for the message
   * @throws BrokenRun if the bytes are not such a document, or not those that were written
   */
  static <T> T parseSealed(String name, byte[] bytes, Class<T> type) throws BrokenRun {
    T document = parse(name, bytes, type);
    try {
      SealedJson.read(bytes, type);
    } catch (IOException e) {
      throw new BrokenRun(name + ": " + e.getMessage());
    }
    return document;
  }

  @Override
  public void close() {
    store.close();
  }
}
