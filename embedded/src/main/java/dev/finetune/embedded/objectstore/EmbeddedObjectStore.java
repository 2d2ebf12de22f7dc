package dev.finetune.embedded.objectstore;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.util.List;
import java.util.Properties;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.gaul.s3proxy.BlobStores;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.blobstore.BlobStore;

/**
 * An S3 server in this process that keeps objects as files: {@code folder/bucket/key}. It knows
 * conditional writes (If-Match, If-None-Match), multipart uploads and listing by page, and checks
 * signatures. It is for trying out and for tests; it is not durable storage.
 *
 * <p>It is reached by path style only, over plain HTTP.
 */
public final class EmbeddedObjectStore implements AutoCloseable {
  /** What the server and its library say below a warning is of no use to the program around it. */
  private static final List<Logger> QUIET =
      List.of(Logger.getLogger("org.gaul"), Logger.getLogger("org.eclipse.jetty"));

  private static final String PROVIDER = "filesystem-nio2";

  private final ObjectStoreOptions options;
  private final BlobStore blobs;
  private final S3Proxy server;

  private EmbeddedObjectStore(ObjectStoreOptions options, BlobStore blobs, S3Proxy server) {
    this.options = options;
    this.blobs = blobs;
    this.server = server;
  }

  /**
   * Starts a server and waits until it answers.
   *
   * @throws IOException if the folder cannot be made, or the port is taken
   */
  public static EmbeddedObjectStore start(ObjectStoreOptions options) throws IOException {
    QUIET.forEach(logger -> logger.setLevel(Level.WARNING));
    Files.createDirectories(options.folder());
    BlobStore blobs = new AtomicConditions(BlobStores.create(PROVIDER, properties(options)));
    S3Proxy server =
        S3Proxy.builder()
            .blobStore(blobs)
            .endpoint(URI.create("http://" + bracketed(options.host()) + ":" + options.port()))
            .awsAuthentication(
                AuthenticationType.AWS_V2_OR_V4, options.accessKey(), options.secretKey())
            // A server that is told to stop must not wait for idle connections of a client's pool.
            .stopTimeout(0)
            .build();
    try {
      server.start();
    } catch (Exception e) {
      blobs.close();
      throw new IOException(
          "object store on "
              + options.host()
              + " port "
              + options.port()
              + " did not start: "
              + e.getMessage(),
          e);
    }
    return new EmbeddedObjectStore(options, blobs, server);
  }

  /**
   * Makes a bucket, unless it is there.
   *
   * @throws IllegalArgumentException if the name is not 3 to 63 lower-case letters, digits, dots
   *     and dashes
   */
  public void createBucket(String bucket) {
    if (!bucket.matches("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")) {
      throw new IllegalArgumentException(
          "bucket: must be 3 to 63 lower-case letters, digits, dots and dashes, was: " + bucket);
    }
    if (!blobs.containerExists(bucket)) {
      blobs.createContainer(bucket);
    }
  }

  /** Returns the port, also if the options left the choice to the system. */
  public int port() {
    return server.getPort();
  }

  /**
   * Returns the URL to reach it from this machine: by the address it listens on, or by 127.0.0.1 if
   * it listens on all.
   */
  public URI endpoint() {
    boolean all = options.host().equals("0.0.0.0") || options.host().equals("::");
    return endpoint(all ? "127.0.0.1" : options.host());
  }

  /** Returns the URL to reach it by a host name or address, for clients elsewhere. */
  public URI endpoint(String host) {
    return URI.create("http://" + bracketed(host) + ":" + port());
  }

  /** Returns the access key that clients sign with. */
  public String accessKey() {
    return options.accessKey();
  }

  /** Returns the secret key that clients sign with. */
  public String secretKey() {
    return options.secretKey();
  }

  /** Stops the server; the objects stay in the folder. */
  @Override
  public void close() {
    try {
      server.stop();
    } catch (Exception e) {
      throw new IllegalStateException("object store did not stop: " + e.getMessage(), e);
    } finally {
      blobs.close();
    }
  }

  private static Properties properties(ObjectStoreOptions options) {
    Properties properties = new Properties();
    properties.setProperty(
        "jclouds.filesystem.basedir", options.folder().toAbsolutePath().toString());
    properties.setProperty("jclouds.identity", options.accessKey());
    properties.setProperty("jclouds.credential", options.secretKey());
    return properties;
  }

  private static String bracketed(String host) {
    return host.contains(":") ? "[" + host + "]" : host;
  }
}
