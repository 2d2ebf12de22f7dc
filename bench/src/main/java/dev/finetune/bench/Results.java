package dev.finetune.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.finetune.api.run.RunJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The lines of a file of results: the environment first, then a measurement each.
 *
 * @param environment where they were measured
 * @param rates the machine's limit, or null if it was not measured
 * @param measurements in the order in which they were made
 */
record Results(
    Environment environment, @Nullable ProductRates rates, List<Measurement> measurements) {
  /**
   * Reads lines of JSON.
   *
   * @throws IOException if a line is broken or the environment is missing
   */
  static Results read(List<String> lines) throws IOException {
    Environment environment = null;
    ProductRates rates = null;
    List<Measurement> measurements = new ArrayList<>();
    JsonMapper mapper = new JsonMapper();
    for (String line : lines) {
      JsonNode node = mapper.readTree(line);
      byte[] json = line.getBytes(StandardCharsets.UTF_8);
      if (node.has("side")) {
        measurements.add(RunJson.read(json, Measurement.class));
      } else if (node.has("rateFp32")) {
        rates = RunJson.read(json, ProductRates.class);
      } else {
        environment = RunJson.read(json, Environment.class);
      }
    }
    if (environment == null) {
      throw new IOException("expected a line that tells the environment, found none");
    }
    return new Results(environment, rates, List.copyOf(measurements));
  }

  /** Returns the configurations of which there is a result, in order. */
  List<String> configurations() {
    return measurements.stream()
        .filter(measurement -> measurement.result() != null)
        .map(Measurement::configuration)
        .distinct()
        .toList();
  }

  /** Returns the results of one side in one configuration. */
  List<Measurement.Result> of(String configuration, Measurement.Side side) {
    List<Measurement.Result> found = new ArrayList<>();
    for (Measurement measurement : measurements) {
      Measurement.@Nullable Result result = measurement.result();
      if (result != null
          && measurement.configuration().equals(configuration)
          && measurement.side() == side) {
        found.add(result);
      }
    }
    return found;
  }

  /** Returns the first result of one side in one configuration. */
  Optional<Measurement.Result> first(String configuration, Measurement.Side side) {
    return of(configuration, side).stream().findFirst();
  }

  /** Returns the median over repetitions, or NaN if there is none. */
  double median(
      String configuration, Measurement.Side side, ToDoubleFunction<Measurement.Result> quantity) {
    return median(of(configuration, side).stream().mapToDouble(quantity).toArray());
  }

  /** Returns the median over repetitions at each place of a list. */
  List<Double> medians(
      String configuration,
      Measurement.Side side,
      Function<Measurement.Result, List<Double>> quantity) {
    List<List<Double>> all = of(configuration, side).stream().map(quantity).toList();
    int places = all.stream().mapToInt(List::size).min().orElse(0);
    List<Double> medians = new ArrayList<>();
    for (int place = 0; place < places; place++) {
      int at = place;
      medians.add(median(all.stream().mapToDouble(values -> values.get(at)).toArray()));
    }
    return medians;
  }

  /** Returns what went wrong, a line each. */
  List<String> errors() {
    return measurements.stream()
        .filter(measurement -> measurement.error() != null)
        .map(
            measurement ->
                "%s, %s: %s"
                    .formatted(
                        measurement.configuration(),
                        measurement.side() == Measurement.Side.OURS ? "ours" : "theirs",
                        Objects.requireNonNull(measurement.error())))
        .toList();
  }

  private static double median(double[] values) {
    if (values.length == 0) {
      return Double.NaN;
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
