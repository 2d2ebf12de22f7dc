package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.ParameterSection;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Adafactor with a given learning rate, as transformers' class of that name computes it with {@code
 * scale_parameter=False, relative_step=False}: no first moment, the update of each tensor clipped
 * to a root mean square of 1. Of a matrix it keeps mean squares by row and by column, of a vector
 * one a number.
 *
 * @see <a href="https://arxiv.org/abs/1804.04235">Adafactor, algorithms 4 and 5</a>
 */
public final class Adafactor implements Optimizer {
  private static final double DECAY_RATE = -0.8;

  private final Kernels kernels;
  private final double weightDecay;
  private final List<Place> places;
  private final Scope scope = new Scope();
  private final @Nullable FlatState rows;
  private final @Nullable FlatState columns;
  private final @Nullable FlatState vectors;

  /** Where the state of a section begins: by rows and by columns, or a vector's. */
  private record Place(
      ParameterSection section,
      boolean vector,
      ParameterLayout.Rates rates,
      long rows,
      long columns) {}

  /** Makes one that has seen no gradient. */
  public Adafactor(Kernels kernels, ParameterLayout layout, double weightDecay) {
    this.kernels = kernels;
    this.weightDecay = weightDecay;
    Parts byRow = new Parts("exp_avg_sq_row");
    Parts byColumn = new Parts("exp_avg_sq_col");
    Parts byNumber = new Parts("exp_avg_sq");
    List<Place> found = new ArrayList<>();
    for (ParameterSection section : layout.sections()) {
      ParameterLayout.Rates rates = layout.rates(section);
      if (ParameterLayout.isVector(section)) {
        long start = byNumber.add(section, section.rows());
        found.add(new Place(section, true, rates, start, 0));
      } else {
        long row = byRow.add(section, section.rows());
        long column = byColumn.add(section, section.columns());
        found.add(new Place(section, false, rates, row, column));
      }
    }
    this.places = List.copyOf(found);
    this.rows = byRow.make(kernels, scope);
    this.columns = byColumn.make(kernels, scope);
    this.vectors = byNumber.make(kernels, scope);
  }

  /** Parts of one flat state, side by side. */
  private static final class Parts {
    private final String name;
    private final List<FlatState.Part> parts = new ArrayList<>();
    private long end;

    Parts(String name) {
      this.name = name;
    }

    long add(ParameterSection section, long elements) {
      long start = end;
      parts.add(new FlatState.Part(section.name() + "." + name, start, new long[] {elements}));
      end += elements;
      return start;
    }

    @Nullable FlatState make(Kernels kernels, Scope scope) {
      return end == 0 ? null : new FlatState(kernels, scope, parts, end);
    }
  }

  @Override
  public void update(
      Tensor parameters, Tensor gradients, double learningRate, int step, double clip) {
    double beta = 1 - Math.pow(step, DECAY_RATE);
    for (Place place : places) {
      ParameterSection section = place.section();
      Kernels.Flat flat =
          new Kernels.Flat(parameters, gradients, section.start(), section.elements());
      Kernels.AdafactorStep numbers =
          new Kernels.AdafactorStep(
              clip,
              learningRate * place.rates().learning(),
              weightDecay * place.rates().decay(),
              beta);
      if (place.vector()) {
        kernels.adafactor(flat, tensor(vectors), place.rows(), numbers);
      } else {
        kernels.adafactor(
            flat,
            new Kernels.Factored(
                tensor(rows),
                tensor(columns),
                place.rows(),
                place.columns(),
                section.rows(),
                section.columns()),
            numbers);
      }
    }
  }

  private static Tensor tensor(@Nullable FlatState state) {
    if (state == null) {
      throw new IllegalStateException("a section has no state");
    }
    return state.tensor();
  }

  private List<FlatState> states() {
    List<FlatState> states = new ArrayList<>();
    for (FlatState state : new @Nullable FlatState[] {rows, columns, vectors}) {
      if (state != null) {
        states.add(state);
      }
    }
    return states;
  }

  @Override
  public List<StateTensor> state() {
    return states().stream().flatMap(FlatState::save).toList();
  }

  @Override
  public void restore(StateSource source) {
    states().forEach(state -> state.restore(source));
  }

  @Override
  public void close() {
    scope.close();
  }
}
