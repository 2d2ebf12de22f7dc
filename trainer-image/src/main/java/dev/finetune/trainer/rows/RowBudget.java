package dev.finetune.trainer.rows;

import java.io.IOException;
import java.io.InputStream;

/** Lets a parser read no more than one row's bytes before the next row begins. */
final class RowBudget extends InputStream {
  /** The parser reads ahead by one buffer. */
  private static final int READ_AHEAD = 1 << 16;

  private final String file;
  private final InputStream in;
  private int line = 1;
  private int left = RowFile.MOST_ROW_BYTES + READ_AHEAD;

  RowBudget(String file, InputStream in) {
    this.file = file;
    this.in = in;
  }

  /** Says that a row begins. */
  void renew(int rowLine) {
    line = rowLine;
    left = RowFile.MOST_ROW_BYTES + READ_AHEAD;
  }

  @Override
  public int read() throws IOException {
    int value = in.read();
    spend(value < 0 ? 0 : 1);
    return value;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    int count = in.read(target, offset, Math.min(length, READ_AHEAD));
    spend(Math.max(0, count));
    return count;
  }

  private void spend(int count) {
    left -= count;
    if (left < 0) {
      throw RowFile.tooLong(file, line);
    }
  }
}
