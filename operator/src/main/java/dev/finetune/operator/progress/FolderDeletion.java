package dev.finetune.operator.progress;

import dev.finetune.api.run.StorageLayout;
import dev.finetune.operator.progress.ObjectWriter.Page;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Deletes objects of a run, a bounded number at a time.
 *
 * @param folder the run
 * @param maximum how many objects are deleted at most
 */
record FolderDeletion(RunFolder folder, int maximum) {
  /** Metrics and progress of more attempts than a run ever has; each page is one request. */
  private static final int PAGES = 50;

  private static final Pattern CHECKPOINT =
      Pattern.compile("attempt-\\d{4,9}/checkpoint-\\d{8,10}/.+");

  /**
   * What was deleted.
   *
   * @param objects how many
   * @param all whether nothing is left
   */
  record Deleted(int objects, boolean all) {}

  /** Deletes files of checkpoints, of each its manifest first, so that what is left is no whole. */
  Deleted checkpoints() {
    int deleted = 0;
    String after = "";
    for (int i = 0; i < PAGES; i++) {
      Page page = folder.writer().list(folder.prefix() + "attempt-", after, Integer.MAX_VALUE);
      List<String> keys = new ArrayList<>(page.keys());
      keys.removeIf(key -> !CHECKPOINT.matcher(key.substring(folder.prefix().length())).matches());
      keys.sort(
          Comparator.comparing(FolderDeletion::folderOf)
              .thenComparing(key -> !key.endsWith("/" + StorageLayout.MANIFEST)));
      for (String key : keys) {
        if (deleted == maximum) {
          return new Deleted(deleted, false);
        }
        folder.writer().delete(key);
        deleted++;
      }
      if (page.last() || page.keys().isEmpty()) {
        return new Deleted(deleted, true);
      }
      after = page.keys().getLast();
    }
    return new Deleted(deleted, deleted == 0);
  }

  /** Returns keys of the run but the head, as many as may be deleted, and whether that is all. */
  Page butTheHead() {
    Page page = folder.writer().list(folder.prefix(), "", maximum + 1);
    List<String> keys = new ArrayList<>(page.keys());
    keys.remove(folder.prefix() + StorageLayout.HEAD);
    return new Page(List.copyOf(keys), page.last());
  }

  private static String folderOf(String key) {
    return key.substring(0, key.lastIndexOf('/'));
  }
}
