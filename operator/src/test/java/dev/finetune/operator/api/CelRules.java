package dev.finetune.operator.api;

import com.fasterxml.jackson.databind.JsonNode;
import dev.cel.common.CelValidationException;
import dev.cel.common.types.SimpleType;
import dev.cel.compiler.CelCompiler;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.finetune.api.spec.Violation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates {@code x-kubernetes-validations}: a rule with {@code oldSelf} only where there was a
 * value before, every other rule wherever there is a value.
 */
final class CelRules {
  private static final CelCompiler COMPILER =
      CelCompilerFactory.standardCelCompilerBuilder()
          .addVar("self", SimpleType.DYN)
          .addVar("oldSelf", SimpleType.DYN)
          .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
          .build();
  private static final CelRuntime RUNTIME = CelRuntimeFactory.standardCelRuntimeBuilder().build();
  private static final Map<String, CelRuntime.Program> PROGRAMS = new HashMap<>();

  private final List<Violation> violations = new ArrayList<>();

  private CelRules() {}

  static List<Violation> check(
      String path, JsonNode value, @Nullable JsonNode before, JsonNode schema) {
    CelRules rules = new CelRules();
    rules.value(path, value, before, schema);
    return rules.violations;
  }

  private void value(String path, JsonNode value, @Nullable JsonNode before, JsonNode schema) {
    for (JsonNode rule : schema.path("x-kubernetes-validations")) {
      String cel = rule.get("rule").textValue();
      boolean transition = cel.contains("oldSelf");
      if ((!transition || before != null) && !holds(cel, value, transition ? before : null)) {
        String message = rule.get("message").textValue();
        String field = path + rule.path("fieldPath").asText();
        // A rule at the root speaks of the name, the only part of the metadata that rules see.
        violations.add(new Violation(field.isEmpty() ? "metadata.name" : field, message));
      }
    }
    schema
        .path("properties")
        .properties()
        .forEach(
            entry -> {
              JsonNode child = value.get(entry.getKey());
              if (child != null) {
                String name = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
                value(
                    name,
                    child,
                    before == null ? null : before.get(entry.getKey()),
                    entry.getValue());
              }
            });
    if (value.isArray() && schema.has("items")) {
      for (int i = 0; i < value.size(); i++) {
        value(path + "[" + i + "]", value.get(i), null, schema.get("items"));
      }
    }
    if (schema.has("additionalProperties")) {
      value
          .properties()
          .forEach(
              entry ->
                  value(
                      path + "[" + entry.getKey() + "]",
                      entry.getValue(),
                      null,
                      schema.get("additionalProperties")));
    }
  }

  private static boolean holds(String cel, JsonNode self, @Nullable JsonNode before) {
    Map<String, Object> variables = new HashMap<>();
    variables.put("self", toCel(self));
    if (before != null) {
      variables.put("oldSelf", toCel(before));
    }
    try {
      return (Boolean) PROGRAMS.computeIfAbsent(cel, CelRules::compile).eval(variables);
    } catch (CelEvaluationException e) {
      throw new IllegalStateException("the rule " + cel + " fails on " + self, e);
    }
  }

  private static CelRuntime.Program compile(String cel) {
    try {
      return RUNTIME.createProgram(COMPILER.compile(cel).getAst());
    } catch (CelValidationException | CelEvaluationException e) {
      throw new IllegalStateException("not a rule: " + cel, e);
    }
  }

  private static Object toCel(JsonNode value) {
    if (value.isTextual()) {
      return value.textValue();
    }
    if (value.isBoolean()) {
      return value.booleanValue();
    }
    if (value.isNumber()) {
      return value.isIntegralNumber() ? (Object) value.longValue() : (Object) value.doubleValue();
    }
    if (value.isArray()) {
      List<Object> list = new ArrayList<>();
      value.forEach(item -> list.add(toCel(item)));
      return list;
    }
    Map<String, Object> map = new HashMap<>();
    value.properties().forEach(entry -> map.put(entry.getKey(), toCel(entry.getValue())));
    return map;
  }
}
