package dev.finetune.api.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * JSON documents that carry the SHA-256 of their own bytes, so that a reader notices when storage
 * gives back others. The field {@code sha256} holds the hash of the document with 64 zeros in its
 * place. It is no signature: whoever can write the document can seal it.
 */
public final class SealedJson {
  private static final String UNSEALED = "0".repeat(64);

  private SealedJson() {}

  /** What holds the hash; every other field is ignored. */
  private record Seal(@Nullable String sha256) {}

  /** Returns a document as UTF-8 JSON with its seal; the document has no field of that name. */
  public static byte[] write(Object document) {
    ObjectNode tree = RunJson.tree(document);
    tree.put("sha256", UNSEALED);
    byte[] unsealed = RunJson.write(tree);
    String text = new String(unsealed, StandardCharsets.UTF_8);
    // The seal is the last field; a field of the document may have such a value too.
    int seal = text.lastIndexOf(UNSEALED);
    return (text.substring(0, seal) + hash(unsealed) + text.substring(seal + UNSEALED.length()))
        .getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads a document.
   *
   * @throws IOException if the bytes are not such a document, or not those that were written
   */
  public static <T> T read(byte[] json, Class<T> type) throws IOException {
    Seal seal = RunJson.read(json, Seal.class);
    String expected = seal == null ? null : seal.sha256();
    if (expected == null || !expected.matches("[0-9a-f]{64}")) {
      throw new IOException("lacks its sha256");
    }
    String text = new String(json, StandardCharsets.UTF_8);
    String found = hash(text.replace(expected, UNSEALED).getBytes(StandardCharsets.UTF_8));
    if (!found.equals(expected)) {
      throw new IOException("has other bytes than were written: sha256 " + found);
    }
    return RunJson.read(json, type);
  }

  private static String hash(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
