package dev.finetune.api.spec;

import java.io.Serializable;

/**
 * One place where a job breaks a rule.
 *
 * @param path field as a user would write it, such as {@code spec.adapter.rank}, {@code
 *     spec.pod.env[0].name} or {@code spec.resources.limits[memory]}; {@code line 3} where the text
 *     itself cannot be read
 * @param message what was expected and what was found
 */
public record Violation(String path, String message) implements Serializable {
  /** Returns path and message in one line. */
  @Override
  public String toString() {
    return path + ": " + message;
  }
}
