package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.Content;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StallGuard;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;

/**
 * One file on its way from the Hub to the disk. What was received stays: after a broken connection
 * the rest alone is asked for. At the end the bytes must be those that the Hub listed.
 */
final class HubDownload {
  private final HubClient client;
  private final String field;
  private final HubLocation location;
  private final HubFile file;
  private final RandomAccessFile target;
  private final MessageDigest sha256 = digest("SHA-256");
  private final MessageDigest blob = digest("SHA-1");
  private long received;
  private int request;

  /** The target is no channel, which an interrupt of one request would close for all. */
  private HubDownload(
      HubClient client, String field, HubLocation location, HubFile file, RandomAccessFile target) {
    this.client = client;
    this.field = field;
    this.location = location;
    this.file = file;
    this.target = target;
  }

  /**
   * Downloads a file.
   *
   * @param target new file
   * @throws IOException if the disk fails
   * @throws UnreadableData if the bytes are others than the Hub lists, twice
   */
  static Content receive(
      HubClient client, String field, HubLocation location, URI from, HubFile file, Path target)
      throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(target.toFile(), "rw")) {
      HubDownload download = new HubDownload(client, field, location, file, open);
      for (int i = 0; i < 2; i++) {
        download.restart();
        download.receiveAll(from);
        String digest = HexFormat.of().formatHex(download.sha256.digest());
        String blob = HexFormat.of().formatHex(download.blob.digest());
        if (file.sha256() == null ? blob.equals(file.blob()) : digest.equals(file.sha256())) {
          open.getFD().sync();
          return new Content(digest, file.bytes());
        }
      }
    } catch (DiskFailed e) {
      throw e.cause;
    }
    throw new UnreadableData(
        "%s: %s: %s has other bytes than the Hub lists, twice"
            .formatted(field, location, file.path()));
  }

  private void receiveAll(URI from) {
    Retry.Attempts attempts = attempts();
    while (true) {
      long before = received;
      int mine = begin();
      Map<String, String> headers =
          before == 0 ? Map.of() : Map.of("Range", "bytes=" + before + "-");
      try {
        client.once(
            field,
            location,
            from,
            headers,
            (response, activity) -> receiveRest(mine, response, activity));
        return;
      } catch (StorageUnreachable e) {
        if (received > before) {
          // A large file may take longer than any one outage.
          attempts = attempts();
        }
        attempts.failed(e);
      }
    }
  }

  private Retry.Attempts attempts() {
    return client.retry().attempts("download " + location + "/" + file.path());
  }

  private long receiveRest(
      int mine, HttpResponse<InputStream> response, StallGuard.Activity activity)
      throws IOException {
    if (received > 0 && !continues(response)) {
      restart();
    }
    InputStream in = activity.counting(response.body());
    byte[] buffer = new byte[1 << 16];
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      write(mine, buffer, n);
    }
    if (received < file.bytes()) {
      throw new IOException(
          "the answer ended after %d of %d bytes".formatted(received, file.bytes()));
    }
    return received;
  }

  private boolean continues(HttpResponse<InputStream> response) {
    return response.statusCode() == 206
        && response
            .headers()
            .firstValue("Content-Range")
            .filter(range -> range.startsWith("bytes " + received + "-"))
            .isPresent();
  }

  private synchronized int begin() {
    return ++request;
  }

  private synchronized void write(int mine, byte[] buffer, int count) throws IOException {
    if (mine != request) {
      throw new IOException("given up, and asked for again");
    }
    if (received + count > file.bytes()) {
      throw new UnreadableData(
          "%s: %s: %s must have %d bytes, as the Hub lists, has more"
              .formatted(field, location, file.path(), file.bytes()));
    }
    try {
      target.write(buffer, 0, count);
    } catch (IOException e) {
      throw new DiskFailed(e);
    }
    sha256.update(buffer, 0, count);
    blob.update(buffer, 0, count);
    received += count;
  }

  private synchronized void restart() {
    try {
      target.setLength(0);
      target.seek(0);
    } catch (IOException e) {
      throw new DiskFailed(e);
    }
    sha256.reset();
    blob.reset();
    // Git hashes a blob with what it is before it.
    blob.update(("blob " + file.bytes() + "\0").getBytes(StandardCharsets.UTF_8));
    received = 0;
  }

  private static MessageDigest digest(String name) {
    try {
      return MessageDigest.getInstance(name);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has " + name, e);
    }
  }

  /** Keeps a disk that failed apart from a connection that did. */
  private static final class DiskFailed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient IOException cause;

    DiskFailed(IOException cause) {
      super(cause);
      this.cause = cause;
    }
  }
}
