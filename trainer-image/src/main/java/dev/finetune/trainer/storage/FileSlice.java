package dev.finetune.trainer.storage;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.ContentStreamProvider;

/**
 * A part of a file as the body of a request. It is read as it is sent, so that parts that go at the
 * same time take no memory of their own; read twice where the signature covers the content.
 */
final class FileSlice implements ContentStreamProvider, AutoCloseable {
  private final Path file;
  private final long start;
  private final long bytes;
  private final StallGuard.Activity activity;
  private @Nullable InputStream latest;

  FileSlice(Path file, long start, long bytes, StallGuard.Activity activity) {
    this.file = file;
    this.start = start;
    this.bytes = bytes;
    this.activity = activity;
  }

  RequestBody body() {
    return RequestBody.fromContentProvider(this, bytes, "application/octet-stream");
  }

  @Override
  public InputStream newStream() {
    try {
      close();
      latest = activity.counting(new Slice(FileChannel.open(file, StandardOpenOption.READ)));
      return latest;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() throws IOException {
    if (latest != null) {
      latest.close();
    }
  }

  private final class Slice extends InputStream {
    private final FileChannel channel;
    private long position = start;

    Slice(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      long left = start + bytes - position;
      if (left == 0) {
        return -1;
      }
      int wanted = (int) Math.min(length, left);
      int n = channel.read(ByteBuffer.wrap(buffer, offset, wanted), position);
      if (n < 0) {
        throw new IOException(file + " became shorter while it was sent");
      }
      position += n;
      return n;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
