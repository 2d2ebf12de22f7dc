package dev.finetune.trainer.storage;

import java.nio.charset.StandardCharsets;

/** The rule for keys: relative paths that cannot leave the root, on any kind of store. */
public final class ObjectKey {
  private static final int MAX_BYTES = 900;

  /**
   * File systems take 255 bytes; 40 are left for what a name is given while it is being written.
   */
  private static final int MAX_NAME_BYTES = 210;

  private ObjectKey() {}

  /** Returns whether a key is one or more plain names with slashes between them. */
  public static boolean isValid(String key) {
    if (key.isEmpty() || key.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
      return false;
    }
    if (key.codePoints().anyMatch(ObjectKey::isForbidden)) {
      return false;
    }
    for (String name : key.split("/", -1)) {
      boolean plain = !name.isEmpty() && !name.equals(".") && !name.equals("..");
      if (!plain || name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
        return false;
      }
    }
    return !key.startsWith(FileStore.PRIVATE_FOLDER + "/");
  }

  /** Control characters, backslashes, and halves of surrogate pairs, which no UTF-8 can carry. */
  private static boolean isForbidden(int c) {
    return c < ' ' || c == 0x7f || c == '\\' || Character.getType(c) == Character.SURROGATE;
  }

  /**
   * Returns the key.
   *
   * @throws IllegalArgumentException if it is not valid
   */
  public static String check(String key) {
    if (!isValid(key)) {
      throw new IllegalArgumentException(
          "key: must be a relative path without '.', '..' and empty names, was: " + printable(key));
    }
    return key;
  }

  /**
   * Returns the folder.
   *
   * @throws IllegalArgumentException if it is neither empty nor a valid key with a slash at its end
   */
  public static String checkFolder(String folder) {
    if (!folder.isEmpty()) {
      if (!folder.endsWith("/")) {
        throw new IllegalArgumentException(
            "folder: must end with a slash, was: " + printable(folder));
      }
      check(folder.substring(0, folder.length() - 1));
    }
    return folder;
  }

  /** Returns a name from outside with control characters replaced and its length bounded. */
  public static String printable(String name) {
    String clean = name.replaceAll("\\p{Cntrl}", "?");
    return clean.length() <= 200 ? clean : clean.substring(0, 200) + "...";
  }
}
