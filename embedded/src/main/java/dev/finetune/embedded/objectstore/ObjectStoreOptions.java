package dev.finetune.embedded.objectstore;

import java.nio.file.Path;

/**
 * How an {@link EmbeddedObjectStore} is started.
 *
 * @param folder where buckets and objects are kept; made if absent
 * @param host address to listen on, {@code 0.0.0.0} for all
 * @param port port to listen on, 0 for a free one
 * @param accessKey access key that clients sign with
 * @param secretKey secret key that clients sign with
 */
public record ObjectStoreOptions(
    Path folder, String host, int port, String accessKey, String secretKey) {
  /** Checks the port and that the keys are not empty. */
  public ObjectStoreOptions {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port: must be 0 to 65535, was " + port);
    }
    if (accessKey.isEmpty() || secretKey.isEmpty()) {
      throw new IllegalArgumentException("accessKey and secretKey: must not be empty");
    }
  }

  /**
   * Returns options for a folder: 127.0.0.1, a free port, keys {@code local} and {@code
   * locallocal}.
   */
  public static ObjectStoreOptions in(Path folder) {
    return new ObjectStoreOptions(folder, "127.0.0.1", 0, "local", "locallocal");
  }

  /** Returns these options with another address to listen on. */
  public ObjectStoreOptions host(String host) {
    return new ObjectStoreOptions(folder, host, port, accessKey, secretKey);
  }

  /** Returns these options with another port. */
  public ObjectStoreOptions port(int port) {
    return new ObjectStoreOptions(folder, host, port, accessKey, secretKey);
  }

  /** Returns these options with other keys. */
  public ObjectStoreOptions credentials(String accessKey, String secretKey) {
    return new ObjectStoreOptions(folder, host, port, accessKey, secretKey);
  }

  /** Leaves the secret key out. */
  @Override
  public String toString() {
    return "ObjectStoreOptions[folder=" + folder + ", host=" + host + ", port=" + port + "]";
  }
}
