package dev.finetune.operator;

import dev.finetune.operator.config.OperatorConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;

/** Settings of the operator for tests: the defaults, and what a test changes. */
public final class Settings {
  private Settings() {}

  /** Returns the defaults. */
  public static OperatorConfig defaults() {
    return with(Map.of());
  }

  /** Returns the defaults but for some settings, by name after the prefix. */
  public static OperatorConfig with(Map<String, String> changes) {
    SmallRyeConfigBuilder builder =
        new SmallRyeConfigBuilder()
            .withMapping(OperatorConfig.class)
            .withDefaultValue("finetune.operator.trainer.image", "registry.example/trainer:1.0");
    changes.forEach((name, value) -> builder.withDefaultValue("finetune.operator." + name, value));
    return builder.build().getConfigMapping(OperatorConfig.class);
  }
}
