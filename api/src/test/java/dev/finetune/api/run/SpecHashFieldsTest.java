package dev.finetune.api.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.FineTuneJobSpec;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Every field of a job, found by reflection, is either named here as one that cannot change the
 * result, or another value of it is another run. A new field cannot be forgotten.
 */
class SpecHashFieldsTest {
  /** Fields that decide where, when and how safely a job runs, but not what comes of it. */
  private static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "model.secretRef",
          "checkpoint",
          "storage",
          "resources",
          "pod",
          "cache",
          "suspend",
          "ttlSecondsAfterFinished",
          "deletionPolicy");

  @Test
  void anotherValueOfAnyFieldThatDecidesIsAnotherRun() throws ReflectiveOperationException {
    FineTuneJobSpec spec = (FineTuneJobSpec) filled(FineTuneJobSpec.class, "");
    Map<String, FineTuneJobSpec> changed = new LinkedHashMap<>();
    for (Change change : changes(spec, "")) {
      changed.put(change.field(), (FineTuneJobSpec) change.record());
    }
    assertThat(changed.keySet())
        .contains(
            "model.uri",
            "dataset.eval",
            "adapter.rankPattern",
            "quantization.blockSize",
            "training.seed",
            "training.optimizerOptions.beta2",
            "training.scheduleOptions.patience",
            "dataset.mixture[0].weight",
            "dataset.onProblem.tooLong",
            "classification.balanced",
            "evaluation.patience",
            "forgetting.klWeight",
            "runId");
    String hash = SpecHash.of(spec);
    Map<String, String> hashes = new TreeMap<>();
    changed.forEach(
        (field, other) -> {
          assertThat(SpecHash.of(other)).as(field).isNotEqualTo(hash);
          hashes.put(SpecHash.of(other), field);
        });
    assertThat(hashes).as("no two changes are one run").hasSameSizeAs(changed.keySet());
  }

  /** A record in which one field, perhaps of a record within, has another value. */
  private record Change(String field, Object record) {}

  private static List<Change> changes(Object record, String prefix)
      throws ReflectiveOperationException {
    List<Change> changes = new ArrayList<>();
    RecordComponent[] components = record.getClass().getRecordComponents();
    for (int i = 0; i < components.length; i++) {
      String field = prefix + components[i].getName();
      if (WITHOUT_EFFECT.contains(field) || hasOneValue(components[i].getType())) {
        continue;
      }
      Object value = components[i].getAccessor().invoke(record);
      assertThat(value).as(field).isNotNull();
      if (value.getClass().isRecord()) {
        for (Change inner : changes(value, field + ".")) {
          changes.add(new Change(inner.field(), with(record, i, inner.record())));
        }
      } else if (value instanceof List<?> list && list.getFirst() instanceof Record item) {
        for (Change inner : changes(item, field + "[0].")) {
          changes.add(new Change(inner.field(), with(record, i, List.of(inner.record()))));
        }
      } else {
        changes.add(new Change(field, with(record, i, another(value))));
      }
    }
    return changes;
  }

  private static boolean hasOneValue(Class<?> type) {
    return type.isEnum() && type.getEnumConstants().length == 1;
  }

  private static Object with(Object record, int component, Object value)
      throws ReflectiveOperationException {
    RecordComponent[] components = record.getClass().getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      values[i] = i == component ? value : components[i].getAccessor().invoke(record);
    }
    return make(record.getClass(), values);
  }

  private static Object make(Class<?> type, Object... values) throws ReflectiveOperationException {
    Class<?>[] types = new Class<?>[values.length];
    for (int i = 0; i < values.length; i++) {
      types[i] = type.getRecordComponents()[i].getType();
    }
    return type.getDeclaredConstructor(types).newInstance(values);
  }

  /** Makes a record in which every field that decides the result is set. */
  private static Object filled(Class<?> type, String prefix) throws ReflectiveOperationException {
    RecordComponent[] components = type.getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String field = prefix + components[i].getName();
      if (!WITHOUT_EFFECT.contains(field)) {
        values[i] = value(components[i].getGenericType(), field);
      }
    }
    return make(type, values);
  }

  private static Object value(Type type, String field) throws ReflectiveOperationException {
    if (type instanceof ParameterizedType generic) {
      Type[] arguments = generic.getActualTypeArguments();
      return generic.getRawType() == List.class
          ? List.of(value(arguments[0], field))
          : new TreeMap<>(Map.of(value(arguments[0], field), value(arguments[1], field)));
    }
    Class<?> plain = (Class<?>) type;
    if (plain.isRecord()) {
      return filled(plain, field + ".");
    }
    if (plain.isEnum()) {
      return plain.getEnumConstants()[0];
    }
    return switch (plain.getSimpleName()) {
      case "String" -> "text";
      case "Integer" -> 3;
      case "Long" -> 3L;
      case "Double" -> 0.5;
      case "Boolean" -> false;
      default -> throw new IllegalArgumentException(field + ": no value of " + plain);
    };
  }

  private static Object another(Object value) {
    return switch (value) {
      case String text -> text + " else";
      case Integer number -> number + 1;
      case Long number -> number + 1;
      case Double number -> number + 0.25;
      case Boolean flag -> !flag;
      case Enum<?> constant ->
          constant.getDeclaringClass().getEnumConstants()[constant.ordinal() + 1];
      case List<?> list -> List.of(another(list.getFirst()));
      case Map<?, ?> map -> {
        var entry = map.entrySet().iterator().next();
        yield new TreeMap<>(Map.of(entry.getKey(), another(entry.getValue())));
      }
      default -> throw new IllegalArgumentException("no other value than " + value);
    };
  }
}
