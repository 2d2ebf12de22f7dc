package dev.finetune.trainer.storage;

import java.util.List;

/**
 * A store whose listing lags as far as it can: it shows for ever what there was when the store was
 * opened. Objects that came later are not shown, and objects that were deleted are.
 */
public final class LaggingStore extends ForwardingStore {
  private final List<StoredObject> shown;

  /** Makes a view on a store that is listed now for the last time. */
  public LaggingStore(ObjectStore store) {
    super(store);
    shown = store.list("");
  }

  @Override
  public List<StoredObject> list(String folder) {
    return shown.stream().filter(object -> object.key().startsWith(folder)).toList();
  }
}
