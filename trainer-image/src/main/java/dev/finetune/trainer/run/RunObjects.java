package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoredObject;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What lies in a run folder, by name.
 *
 * @param names names within the run folder
 */
record RunObjects(List<String> names) {
  private static final Pattern OF_ATTEMPT = Pattern.compile("attempt-(\\d{4,9})/.*");
  private static final Pattern FOLDER =
      Pattern.compile("(attempt-(\\d{4,9})/(?:checkpoint-\\d{8,10}|adapter)/).*");

  /** Lists the objects, trying until the deadline. */
  static RunObjects list(RunFolder run) {
    return list(run, run.patient());
  }

  static RunObjects list(RunFolder run, ObjectStore store) {
    List<String> names = new ArrayList<>();
    for (StoredObject object : store.list(run.folder())) {
      names.add(object.key().substring(run.folder().length()));
    }
    return new RunObjects(names);
  }

  /** Returns whether an attempt has ever written here. */
  boolean wasClaimed() {
    return names.contains(StorageLayout.RUN)
        || names.contains(StorageLayout.HEAD)
        || newestAttempt() > 0;
  }

  /** Returns the number of the newest attempt that has written something, or 0. */
  int newestAttempt() {
    int newest = 0;
    for (String name : names) {
      Matcher matcher = OF_ATTEMPT.matcher(name);
      if (matcher.matches()) {
        newest = Math.max(newest, Integer.parseInt(matcher.group(1)));
      }
    }
    return newest;
  }

  /**
   * Returns the folders of checkpoints and adapters that nobody can ever list any more: of attempts
   * that are fenced off, and not named by the head.
   *
   * @param written the head as the newest attempt has just written it, which fenced off the others
   */
  Set<String> dead(Head written) {
    Set<String> named = named(written);
    Set<String> dead = new TreeSet<>();
    for (String name : names) {
      Matcher matcher = FOLDER.matcher(name);
      if (matcher.matches()
          && Integer.parseInt(matcher.group(2)) < written.attempt()
          && !named.contains(matcher.group(1))) {
        dead.add(matcher.group(1));
      }
    }
    return dead;
  }

  /** Returns the folders that a head names. */
  static Set<String> named(Head head) {
    Set<String> named = new HashSet<>();
    for (CheckpointEntry entry : head.checkpoints()) {
      named.add(entry.folder());
    }
    Delivery delivered = head.delivered();
    if (delivered != null) {
      named.add(delivered.folder());
    }
    return named;
  }
}
