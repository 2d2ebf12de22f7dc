package dev.finetune.trainer.recipe;

import dev.finetune.trainer.engine.Engine;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import java.util.SortedMap;
import java.util.TreeMap;
import picocli.CommandLine;

/** Versions of what computes. */
final class Versions implements CommandLine.IVersionProvider {
  private static final String FILE = "version.properties";

  /** Returns the versions by name; waits until libtorch is loaded. */
  static SortedMap<String, String> all() {
    SortedMap<String, String> versions = new TreeMap<>();
    versions.put("trainer", trainer());
    versions.put("libtorch", Engine.version());
    versions.put("java", System.getProperty("java.version"));
    return versions;
  }

  /** Returns the version that this trainer was built as. */
  static String trainer() {
    Properties properties = new Properties();
    try (InputStream in = Versions.class.getResourceAsStream(FILE)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + FILE);
      }
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(FILE + " cannot be read", e);
    }
    String version = properties.getProperty("version", "");
    if (version.isBlank()) {
      throw new IllegalStateException(FILE + ": has no version");
    }
    return version;
  }

  @Override
  public String[] getVersion() {
    return new String[] {"trainer " + trainer()};
  }
}
