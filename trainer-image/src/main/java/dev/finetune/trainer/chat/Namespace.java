package dev.finetune.trainer.chat;

import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code namespace()} returns: the only thing that a template can change. */
final class Namespace {
  private final Map<String, Object> values = new LinkedHashMap<>();

  /** Returns the values by name, which may be changed. */
  Map<String, Object> values() {
    return values;
  }
}
