package dev.finetune.trainer.cache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Counts and hashes what passes through it. Closing it closes nothing else. */
public final class HashingChannel implements WritableByteChannel {
  private final WritableByteChannel target;
  private final MessageDigest digest;
  private long bytes;
  private boolean open = true;

  /** Makes one that passes everything on to another channel. */
  public HashingChannel(WritableByteChannel target) {
    this.target = target;
    try {
      this.digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    ByteBuffer written = source.duplicate();
    int count = target.write(source);
    digest.update(written.limit(source.position()));
    bytes += count;
    return count;
  }

  /** Returns what has passed; called once, at the end. */
  public Content content() {
    return new Content(HexFormat.of().formatHex(digest.digest()), bytes);
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public void close() {
    open = false;
  }
}
