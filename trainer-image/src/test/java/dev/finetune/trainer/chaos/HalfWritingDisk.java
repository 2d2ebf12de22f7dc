package dev.finetune.trainer.chaos;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** A disk whose process dies when half of the bytes of one write are on it. */
final class HalfWritingDisk {
  private final ProcessLife life;
  private final int fatal;
  private int writes;

  /**
   * Makes one.
   *
   * @param fatal number of the write at which the process dies, from 1
   */
  HalfWritingDisk(ProcessLife life, int fatal) {
    this.life = life;
    this.fatal = fatal;
  }

  WritableByteChannel channel(WritableByteChannel disk) {
    return new Channel(disk);
  }

  private synchronized int write(WritableByteChannel disk, ByteBuffer bytes) throws IOException {
    life.check();
    if (++writes < fatal) {
      return disk.write(bytes);
    }
    ByteBuffer half = bytes.slice(bytes.position(), bytes.remaining() / 2);
    while (half.hasRemaining()) {
      disk.write(half);
    }
    throw life.die("in write " + writes);
  }

  private final class Channel implements WritableByteChannel {
    private final WritableByteChannel disk;

    Channel(WritableByteChannel disk) {
      this.disk = disk;
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
      return HalfWritingDisk.this.write(disk, bytes);
    }

    @Override
    public boolean isOpen() {
      return disk.isOpen();
    }

    @Override
    public void close() throws IOException {
      disk.close();
    }
  }
}
