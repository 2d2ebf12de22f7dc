package dev.finetune.operator.desired;

import dev.finetune.api.spec.DataSource;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Forgetting;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where a job reads model and data from. */
final class SpecUris {
  private SpecUris() {}

  /** Returns the URIs of model and data, in the order in which the spec names them. */
  static List<String> of(FineTuneJobSpec spec) {
    Dataset dataset = spec.dataset();
    List<String> uris = new ArrayList<>(List.of(spec.model().uri(), dataset.train()));
    addIfSet(uris, dataset.eval());
    if (dataset.mixture() != null) {
      dataset.mixture().stream().map(DataSource::uri).forEach(uris::add);
    }
    Forgetting forgetting = spec.forgetting();
    if (forgetting != null) {
      addIfSet(uris, forgetting.general());
      addIfSet(uris, forgetting.replay());
    }
    return uris;
  }

  private static void addIfSet(List<String> uris, @Nullable String uri) {
    if (uri != null) {
      uris.add(uri);
    }
  }
}
