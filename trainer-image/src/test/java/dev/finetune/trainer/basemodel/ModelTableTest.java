package dev.finetune.trainer.basemodel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.FamilyGolden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The table of docs/models.md, made of the goldens that the trainer is tested against. {@code
 * -Dfinetune.write-docs=true} writes it anew.
 */
class ModelTableTest {
  private static final Path PAGE = Path.of("../docs/models.md");
  private static final String BEGIN = "<!-- made by ModelTableTest: begin -->\n";
  private static final String END = "<!-- made by ModelTableTest: end -->";

  @Test
  void theTableOfTheDocumentationIsThatOfWhatIsTested() throws IOException {
    String page = Files.readString(PAGE);
    int begin = page.indexOf(BEGIN) + BEGIN.length();
    int end = page.indexOf(END);
    assertThat(begin).as("%s has '%s'", PAGE, BEGIN.trim()).isGreaterThanOrEqualTo(BEGIN.length());
    assertThat(end).as("%s has '%s'", PAGE, END).isGreaterThanOrEqualTo(begin);
    if (Boolean.getBoolean("finetune.write-docs")) {
      Files.writeString(PAGE, page.substring(0, begin) + table() + page.substring(end));
      return;
    }
    assertThat(page.substring(begin, end)).isEqualTo(table());
  }

  private static String table() {
    StringBuilder table = new StringBuilder();
    table.append("| tiny model | `model_type` | beside what Llama has |\n| --- | --- | --- |\n");
    for (String name : FamilyGolden.names()) {
      ModelConfig config = new FamilyGolden(name).config();
      table.append(
          "| %s | %s | %s |%n"
              .formatted(name, config.architecture(), String.join(", ", features(config)))
              .replace(System.lineSeparator(), "\n"));
    }
    return table.toString();
  }

  private static List<String> features(ModelConfig config) {
    DecoderTraits traits = config.traits();
    DecoderTraits.Attention attention = traits.attention();
    List<String> features = new ArrayList<>();
    add(features, attention.inputBias() || traits.feedForward().bias(), "biases");
    add(features, attention.fused() || traits.feedForward().fused(), "fused projections");
    add(features, attention.headNorms(), "norms of heads");
    add(features, traits.norms().afterEach(), "norms of outputs");
    add(features, traits.norms().plusOne(), "norms by 1 + w");
    add(features, traits.norms().kind() == DecoderTraits.NormKind.LAYER, "layer norms");
    add(features, traits.feedForward().activation() == DecoderTraits.Activation.GELU_TANH, "GELU");
    add(features, traits.embeddings().scale() != 1, "scaled embeddings");
    add(features, traits.embeddings().learnedPositions(), "learned positions");
    add(features, attention.softCap() > 0, "bounded scores");
    add(features, traits.logitSoftCap() > 0, "bounded logits");
    add(features, attention.queryScalar() > 0, "scale of scores");
    add(
        features,
        windows(config) > 0,
        "sliding window in " + windows(config) + " of " + config.layers() + " layers");
    add(features, config.places(DecoderTraits.Positions.LOCAL_ROTARY), "two rotary bases");
    add(
        features,
        config.places(DecoderTraits.Positions.NONE)
            && config.places(DecoderTraits.Positions.ROTARY),
        "layers without rotations");
    add(features, attention.rotaryShare() < 1, "part of a head rotated");
    add(
        features,
        !(config.ropeScaling() instanceof RopeScaling.None),
        "rotations " + scaling(config));
    return features;
  }

  private static long windows(ModelConfig config) {
    return config.traits().attention().layers().stream().filter(l -> l.window() > 0).count();
  }

  private static String scaling(ModelConfig config) {
    return switch (config.ropeScaling()) {
      case RopeScaling.None() -> "as they are";
      case RopeScaling.Linear(_) -> "linear";
      case RopeScaling.Llama3 _ -> "llama3";
      case RopeScaling.Divisors(_) -> "by factors";
      case RopeScaling.Dynamic(_) -> "dynamic";
      case RopeScaling.Yarn _ -> "yarn";
      case RopeScaling.LongRope _ -> "longrope";
    };
  }

  private static void add(List<String> features, boolean present, String feature) {
    if (present) {
      features.add(feature);
    }
  }
}
