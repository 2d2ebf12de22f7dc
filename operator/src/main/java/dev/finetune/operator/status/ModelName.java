package dev.finetune.operator.status;

import java.util.Locale;

/** Short name of a base model: the last part of its URI. */
final class ModelName {
  private static final String GGUF = ".gguf";

  private ModelName() {}

  static String of(String uri) {
    String path = uri.replaceAll("/+$", "");
    String name = path.substring(Math.max(path.lastIndexOf('/'), path.lastIndexOf(':')) + 1);
    boolean file = name.toLowerCase(Locale.ROOT).endsWith(GGUF) && name.length() > GGUF.length();
    return file ? name.substring(0, name.length() - GGUF.length()) : name;
  }
}
