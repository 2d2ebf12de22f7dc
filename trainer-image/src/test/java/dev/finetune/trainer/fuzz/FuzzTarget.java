package dev.finetune.trainer.fuzz;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/**
 * A reader of untrusted bytes.
 *
 * @param name what the command line calls it
 * @param seeds valid inputs, from which hostile ones are made
 * @param mutation how one is made of the other
 * @param reader reads an input as the trainer would
 * @param places what every message of a failure must name one of: file or field
 */
record FuzzTarget(
    String name,
    Supplier<List<byte[]>> seeds,
    Mutation mutation,
    Reader reader,
    List<String> places) {

  /** Reads an input. */
  interface Reader {
    /**
     * Reads.
     *
     * @param folder empty folder, the only place where the reader may find or leave anything
     */
    void read(byte[] input, Path folder) throws IOException;
  }

  /** Makes a hostile input of a valid one. */
  interface Mutation {
    /** Returns a new input. */
    byte[] mutate(byte[] input, SplittableRandom random);
  }

  @Override
  public String toString() {
    return name;
  }
}
