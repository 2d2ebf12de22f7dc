package dev.finetune.trainer.audit;

/**
 * Which contents were seen, by their hashes. A hash takes 8 bytes, and 3 to 8 more are room that a
 * hash table needs: 11 to 16 MB for a million rows that differ.
 */
final class ContentHashes {
  private static final int LEAST = 1 << 10;

  /** Zero marks a free place. */
  private long[] table = new long[LEAST];

  private int size;
  private boolean zero;

  /** Adds a hash and returns whether it was not there. */
  boolean add(long hash) {
    if (hash == 0) {
      boolean added = !zero;
      zero = true;
      return added;
    }
    int place = place(table, hash);
    if (table[place] == hash) {
      return false;
    }
    table[place] = hash;
    size++;
    if (size > table.length / 4 * 3) {
      grow();
    }
    return true;
  }

  /** Returns whether a hash is there. */
  boolean contains(long hash) {
    return hash == 0 ? zero : table[place(table, hash)] == hash;
  }

  /** By half, so that less than half of the table is ever free. */
  private void grow() {
    long[] larger = new long[Math.addExact(table.length, table.length / 2)];
    for (long hash : table) {
      if (hash != 0) {
        larger[place(larger, hash)] = hash;
      }
    }
    table = larger;
  }

  /** Returns where a hash lies, or the free place for it. */
  private static int place(long[] table, long hash) {
    // The hash is random in all its bits.
    int place = (int) Math.unsignedMultiplyHigh(hash, table.length);
    while (table[place] != 0 && table[place] != hash) {
      place = place + 1 == table.length ? 0 : place + 1;
    }
    return place;
  }
}
