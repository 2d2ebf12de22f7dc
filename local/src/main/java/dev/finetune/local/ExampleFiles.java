package dev.finetune.local;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A FineTuneJob file and the files that it names, which a local stack has to have. */
final class ExampleFiles {
  private final Path job;
  private final JsonNode spec;
  private final String name;

  /**
   * Reads a FineTuneJob file.
   *
   * @throws IOException if it cannot be read
   */
  ExampleFiles(Path job) throws IOException {
    this.job = job;
    JsonNode document = new YAMLMapper().readTree(Files.readAllBytes(job));
    this.spec = document.path("spec");
    this.name = document.path("metadata").path("name").asText();
  }

  /** Returns the name of the job. */
  String name() {
    return name;
  }

  /** Returns the text of the file. */
  String text() throws IOException {
    return Files.readString(job);
  }

  /**
   * Puts model and data where the job expects them. Data files are those of the same name in the
   * folder {@code data} beside the job.
   *
   * @param model file of the base model
   * @return what was put where, for people
   */
  List<String> upload(LocalObjects objects, Path model) throws IOException {
    List<String> done = new ArrayList<>();
    upload(objects, model, spec.path("model").path("uri").asText(), done);
    for (String field : List.of("train", "eval")) {
      String uri = spec.path("dataset").path(field).asText("");
      if (!uri.isEmpty()) {
        String file = uri.substring(uri.lastIndexOf('/') + 1);
        upload(objects, job.resolveSibling("data").resolve(file), uri, done);
      }
    }
    return done;
  }

  private static void upload(LocalObjects objects, Path file, String uri, List<String> done)
      throws IOException {
    if (uri.startsWith("s3://")) {
      objects.upload(file, uri);
      done.add("%s -> %s".formatted(file.getFileName(), uri));
    }
  }
}
