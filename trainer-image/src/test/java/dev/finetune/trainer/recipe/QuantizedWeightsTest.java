package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.adapter.RequestedAdapter;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.cache.CacheLimit;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.model.QuantizedCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which models take their quantized weights from the cache. */
class QuantizedWeightsTest {
  @TempDir private Path folder;

  @Test
  void pissaNeitherReadsNorWritesTheWeightsOfTheBaseModel() throws IOException {
    List<String> notices = new ArrayList<>();
    try (ContentCache cache =
        ContentCache.open(folder.resolve("cache"), CacheLimit.NONE, notices::add)) {
      load(cache, "rank: 4\n    alpha: 8\n    init: pissa");
      assertThat(cache.root().resolve("files")).isEmptyDirectory();
      assertThat(views(cache)).as("nothing looked for").isZero();
      load(cache, "rank: 4\n    alpha: 8");
      assertThat(views(cache)).isEqualTo(1);
    }
    assertThat(notices).isEmpty();
  }

  private void load(ContentCache cache, String adapter) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    FineTuneJobSpec spec =
        FineTuneJobFile.read(jobs.write(jobs.yaml("rank: 4\n    alpha: 8", adapter))).spec();
    Quantization quantization = spec.quantization();
    QuantizedCache quantized =
        new QuantizedCache(
            cache, new QuantizedCache.Base("tiny", 2, "2.7.1"), quantization, _ -> {});
    try (BaseModel base = BaseModel.open(Goldens.path("models/tiny-llama"));
        AdaptedModel model =
            AdaptedModel.fresh(
                TestEngine.kernels(ElementType.F32),
                base,
                AdaptedModel.modules(base),
                quantization,
                new RequestedAdapter(spec.adapter(), AdaptedModel.modules(base)).settings(null),
                1,
                quantized)) {
      assertThat(model.adapter().moduleCount()).isPositive();
    }
  }

  private static long views(ContentCache cache) throws IOException {
    try (Stream<Path> all = Files.walk(cache.root().resolve("use"), 2)) {
      return all.filter(path -> path.getFileName().toString().matches("\\d+")).count();
    }
  }
}
