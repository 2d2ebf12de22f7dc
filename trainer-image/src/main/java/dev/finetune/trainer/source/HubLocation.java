package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.storage.ObjectKey;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A place on the Hugging Face Hub.
 *
 * @param kind whether the repository holds a model or a data set
 * @param repository {@code OWNER/NAME}
 * @param revision branch, tag or commit as the URI names it, or null
 * @param path file in the repository, or pattern of files; empty for the whole of it
 */
record HubLocation(Kind kind, String repository, @Nullable String revision, String path) {
  private static final String SCHEME = "hf://";
  private static final String DATA_SETS = "datasets/";
  private static final String PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";

  // Revisions have no slash but these of the Hub's own.
  private static final String REVISION =
      "refs/(?:pr|convert)/[A-Za-z0-9]{1,40}|[A-Za-z0-9][A-Za-z0-9._-]{0,199}";

  private static final Pattern FORM =
      Pattern.compile(
          "(?<repository>"
              + PART
              + "/"
              + PART
              + ")(?:@(?<revision>"
              + REVISION
              + "))?"
              + "(?:/(?<path>.*))?",
          Pattern.DOTALL);

  /** What a repository holds. */
  enum Kind {
    MODEL("models", ""),
    DATA_SET("datasets", "datasets/");

    private final String api;
    private final String files;

    Kind(String api, String files) {
      this.api = api;
      this.files = files;
    }

    /** Returns the word for it in paths of the interface. */
    String api() {
      return api;
    }

    /** Returns what comes before the repository in paths of files. */
    String files() {
      return files;
    }
  }

  static boolean isHub(String uri) {
    return uri.startsWith(SCHEME);
  }

  /**
   * Reads {@code hf://OWNER/NAME[@REVISION]}, perhaps with a file, for a model.
   *
   * @param revision what the job says beside the URI, or null
   */
  static HubLocation model(String field, String uri, @Nullable String revision) {
    HubLocation location = parse(field, uri, Kind.MODEL);
    if (revision == null || revision.equals(location.revision)) {
      return location;
    }
    if (location.revision != null) {
      throw new InvalidConfiguration(
          "%s: names revision %s, but the model's revision is %s"
              .formatted(field, location.revision, ObjectKey.printable(revision)));
    }
    if (!revision.matches(REVISION)) {
      throw new InvalidConfiguration(
          "spec.model.revision: must be a branch, tag or commit, was "
              + ObjectKey.printable(revision));
    }
    return new HubLocation(Kind.MODEL, location.repository, revision, location.path);
  }

  /** Reads {@code hf://datasets/OWNER/NAME[@REVISION]/PATH}. */
  static HubLocation rows(String field, String uri) {
    return parse(field, uri, Kind.DATA_SET);
  }

  private static HubLocation parse(String field, String uri, Kind kind) {
    String rest = uri.substring(SCHEME.length());
    boolean data = rest.startsWith(DATA_SETS);
    Matcher form = FORM.matcher(data ? rest.substring(DATA_SETS.length()) : rest);
    if (data == (kind == Kind.DATA_SET) && form.matches()) {
      String path = form.group("path") == null ? "" : form.group("path").replaceAll("/$", "");
      boolean whole = path.isEmpty() && kind == Kind.MODEL;
      if ((whole || ObjectKey.isValid(path)) && !form.group("repository").contains("..")) {
        return new HubLocation(kind, form.group("repository"), form.group("revision"), path);
      }
    }
    String expected =
        switch (kind) {
          case MODEL -> "hf://OWNER/NAME, with @REVISION if need be";
          case DATA_SET ->
              "hf://datasets/OWNER/NAME/PATH, with @REVISION after the name if need be";
        };
    throw new InvalidConfiguration(
        field + ": must be " + expected + ", was " + ObjectKey.printable(uri));
  }

  /** Returns the folder of the path, without a slash at its end. */
  String folder() {
    int slash = path.lastIndexOf('/');
    return slash < 0 ? "" : path.substring(0, slash);
  }

  /** Returns the name of the repository without its owner. */
  String name() {
    return repository.substring(repository.indexOf('/') + 1);
  }

  @Override
  public String toString() {
    return SCHEME + kind.files() + repository + (revision == null ? "" : "@" + revision);
  }
}
