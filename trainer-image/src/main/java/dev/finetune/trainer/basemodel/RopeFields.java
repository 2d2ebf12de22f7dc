package dev.finetune.trainer.basemodel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rotary settings of a {@code config.json}, in both spellings: {@code rope_theta} and {@code
 * rope_scaling}, and {@code rope_parameters} since version 5 of transformers, there by kind of
 * attention where there are two.
 */
final class RopeFields {
  private static final int PHI3_ORIGINAL = 4096;
  private static final double LOCAL_THETA = 10_000;

  private final JsonFields fields;
  private final Family family;
  private final @Nullable JsonFields newer;

  RopeFields(JsonFields fields, Family family) {
    this.fields = fields;
    this.family = family;
    JsonFields parameters = fields.object("rope_parameters");
    this.newer =
        parameters != null && parameters.has("full_attention")
            ? parameters.object("full_attention")
            : parameters;
  }

  double theta() {
    double older = fields.doubleOr("rope_theta", family.defaults().ropeTheta());
    return newer == null ? older : newer.doubleOr("rope_theta", older);
  }

  /** Returns the base of the frequencies of layers with a window, where they have their own. */
  double localTheta() {
    double older = fields.doubleOr("rope_local_base_freq", LOCAL_THETA);
    JsonFields parameters = fields.object("rope_parameters");
    JsonFields local = parameters == null ? null : parameters.object("sliding_attention");
    return local == null ? older : local.doubleOr("rope_theta", older);
  }

  /** Returns which share of a head is rotated; only Phi-3 may say another than all. */
  double share() {
    double older = fields.doubleOr("partial_rotary_factor", 1);
    double share = newer == null ? older : newer.doubleOr("partial_rotary_factor", older);
    if (share != 1 && family != Family.PHI3) {
      throw new UnsupportedModel(
          "%s: partial_rotary_factor %s is not supported".formatted(fields.source(), share));
    }
    return share;
  }

  RopeScaling scaling(int maxPositions) {
    JsonFields rope = newer == null ? fields.object("rope_scaling") : newer;
    if (rope == null) {
      return new RopeScaling.None();
    }
    String type = type(rope);
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(rope.requireDouble("factor"));
      case "dynamic" -> new RopeScaling.Dynamic(rope.requireDouble("factor"));
      case "yarn" -> yarn(rope, maxPositions);
      case "longrope" -> longRope(rope, maxPositions);
      case "llama3" ->
          new RopeScaling.Llama3(
              rope.requireDouble("factor"),
              rope.requireDouble("low_freq_factor"),
              rope.requireDouble("high_freq_factor"),
              rope.requireInt("original_max_position_embeddings"));
      default ->
          throw new UnsupportedModel(
              "%s: rope_type '%s' is not supported, use default, linear, dynamic, yarn, longrope or llama3"
                  .formatted(rope.source(), type));
    };
  }

  private String type(JsonFields rope) {
    String type = rope.text("rope_type");
    if (type == null) {
      type = rope.text("type");
    }
    // Early files of Phi-3 call the same by other names.
    boolean renamed = family == Family.PHI3 && ("su".equals(type) || "yarn".equals(type));
    return type == null ? "default" : renamed ? "longrope" : type;
  }

  private static RopeScaling yarn(JsonFields rope, int maxPositions) {
    double factor = rope.requireDouble("factor");
    double scale = rope.doubleOr("mscale", 0);
    double allScale = rope.doubleOr("mscale_all_dim", 0);
    double attention =
        scale != 0 && allScale != 0
            ? attention(factor, scale) / attention(factor, allScale)
            : attention(factor, 1);
    return new RopeScaling.Yarn(
        factor,
        rope.doubleOr("beta_fast", 32),
        rope.doubleOr("beta_slow", 1),
        rope.intOr("original_max_position_embeddings", maxPositions),
        rope.doubleOr("attention_factor", attention),
        rope.booleanOr("truncate", true));
  }

  private static double attention(double factor, double scale) {
    return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  }

  private RopeScaling longRope(JsonFields rope, int maxPositions) {
    int original =
        fields.intOr(
            "original_max_position_embeddings",
            rope.intOr(
                "original_max_position_embeddings", family == Family.PHI3 ? PHI3_ORIGINAL : 0));
    double factor =
        original == 0 ? rope.doubleOr("factor", 1) : (double) maxPositions / Math.max(1, original);
    int limit = original == 0 ? maxPositions : original;
    double attention =
        factor <= 1 || limit <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(limit));
    return new RopeScaling.LongRope(
        numbers(rope, "short_factor"),
        numbers(rope, "long_factor"),
        limit,
        rope.doubleOr("attention_factor", attention));
  }

  private static List<Float> numbers(JsonFields rope, String name) {
    JsonNode list = rope.node(name);
    if (list == null || !list.isArray()) {
      throw rope.wrongType(name, "a list of numbers", list == null ? NullNode.getInstance() : list);
    }
    List<Float> numbers = new ArrayList<>();
    for (JsonNode item : list) {
      if (!item.isNumber()) {
        throw rope.wrongType(name, "a list of numbers", item);
      }
      numbers.add(item.floatValue());
    }
    return numbers;
  }
}
