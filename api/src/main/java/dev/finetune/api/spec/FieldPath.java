package dev.finetune.api.spec;

/** How the place of a value in a job is written. */
final class FieldPath {
  private FieldPath() {}

  /** Returns the path of a field; the parent is empty at the root. */
  static String field(String parent, String name) {
    return parent.isEmpty() ? name : parent + "." + name;
  }

  /** Returns the path of an entry of a list, from 0. */
  static String item(String parent, int index) {
    return parent + "[" + index + "]";
  }

  /** Returns the path of an entry of a map. */
  static String key(String parent, String key) {
    return parent + "[" + key + "]";
  }
}
