package dev.finetune.operator.api;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The job files of the tests and of the examples, read by another YAML reader than our own. */
final class JobFiles {
  static final ObjectMapper JSON = new JsonMapper();
  static final Path JOBS = Path.of("src/test/resources/jobs");
  static final Path CHANGES = JOBS.resolve("changes");
  static final Path EXAMPLES = Path.of("../examples");

  private JobFiles() {}

  /** Returns the YAML files of a folder, sorted; those of its folders too if {@code deep}. */
  static List<Path> list(Path folder, String prefix, boolean deep) {
    try (Stream<Path> files = Files.walk(folder, deep ? 9 : 1)) {
      return files
          .filter(file -> file.getFileName().toString().endsWith(".yaml"))
          .filter(file -> file.getFileName().toString().startsWith(prefix))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the field that the first line names: {@code # expect: spec.adapter.rank}. */
  static String expectedPath(Path file) {
    String line = text(file).lines().findFirst().orElseThrow();
    if (!line.startsWith("# expect: ")) {
      throw new IllegalStateException(file + " does not say which field is wrong");
    }
    return line.substring("# expect: ".length());
  }

  static ObjectNode tree(String yaml) {
    return Serialization.unmarshal(yaml, ObjectNode.class);
  }
}
