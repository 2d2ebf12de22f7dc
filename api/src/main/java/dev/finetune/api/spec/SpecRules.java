package dev.finetune.api.spec;

import io.fabric8.generator.annotation.ValidationRule;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The rules of a {@link FineTuneJobSpec} in Java, the same that the CRD states: bounds are read
 * from the annotations that the CRD is made from, and each rule over several fields has a Java form
 * and a CEL form of one message. The trainer and everything without an API server that checks CRDs
 * applies them.
 */
public final class SpecRules {
  private SpecRules() {}

  /** Returns the rules that a spec breaks, in the order of its fields; empty if it is valid. */
  public static List<Violation> check(FineTuneJobSpec spec) {
    return Bounds.check("spec", spec);
  }

  /** Returns the immutable fields that differ between the spec of a job and its replacement. */
  public static List<Violation> checkChange(FineTuneJobSpec before, FineTuneJobSpec after) {
    List<Violation> violations = new ArrayList<>();
    for (ValidationRule rule : FineTuneJobSpec.class.getAnnotationsByType(ValidationRule.class)) {
      if (Bounds.isTransition(rule)
          && !Objects.equals(resolve(rule, before), resolve(rule, after))) {
        violations.add(new Violation("spec" + rule.fieldPath(), rule.message()));
      }
    }
    return List.copyOf(violations);
  }

  private static @Nullable Object resolve(ValidationRule rule, FineTuneJobSpec spec) {
    Object value = spec;
    for (String name : rule.fieldPath().substring(1).split("\\.")) {
      if (value instanceof Record record) {
        value = Bounds.valueOf(component(record, name), record);
      }
    }
    return value;
  }

  private static RecordComponent component(Record record, String name) {
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      if (component.getName().equals(name)) {
        return component;
      }
    }
    throw new IllegalStateException(record.getClass().getSimpleName() + " has no field " + name);
  }
}
