package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.adapter.LabelFile;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.checkpoint.ModelCard;
import dev.finetune.trainer.data.PromptFile;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.report.ReportPage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The files that a run delivers. */
final class AdapterDelivery {
  private static final String TOKENIZER = "tokenizer.json";

  private AdapterDelivery() {}

  /**
   * Writes them to a local folder, which is made, and returns them by name.
   *
   * @param quantization how the base weights were kept, or null
   * @param modelCard text of the README
   * @param report the report as HTML
   */
  static Map<String, Path> write(
      Path folder,
      Session session,
      @Nullable Quantization quantization,
      String modelCard,
      String report) {
    try {
      Files.createDirectories(folder);
      Map<String, Path> files = new LinkedHashMap<>();
      Path weights = folder.resolve(AdapterFiles.WEIGHTS);
      AdapterFiles.write(weights, session.adapter(), quantization);
      files.put(AdapterFiles.WEIGHTS, weights);
      files.put(
          AdapterFiles.CONFIG,
          Files.writeString(folder.resolve(AdapterFiles.CONFIG), session.adapterConfig()));
      files.put(
          TOKENIZER, Files.writeString(folder.resolve(TOKENIZER), session.tokenizer().json()));
      Classifier classifier = session.classifier();
      if (classifier != null) {
        Path labels = folder.resolve(LabelFile.NAME);
        files.put(LabelFile.NAME, Files.writeString(labels, classifier.labels().toJson()));
      }
      for (PromptFile prompt : session.prompts()) {
        files.put(
            prompt.name(), Files.writeString(folder.resolve(prompt.name()), prompt.content()));
      }
      files.put(ModelCard.FILE, Files.writeString(folder.resolve(ModelCard.FILE), modelCard));
      files.put(ReportPage.FILE, Files.writeString(folder.resolve(ReportPage.FILE), report));
      return files;
    } catch (IOException e) {
      throw new StorageUnreachable(folder + ": could not be written: " + e.getMessage(), e);
    }
  }
}
