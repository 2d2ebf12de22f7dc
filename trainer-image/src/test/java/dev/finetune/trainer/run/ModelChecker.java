package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.Head;
import dev.finetune.trainer.run.ModelExecution.Choice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Explores every course of events of a scenario, depth first. An execution is repeated from the
 * start for every branch, since threads cannot be copied; a state that was explored before is not
 * explored again, so that many courses are covered by few executions. A state is what lies in the
 * store, what is on its way, the time, and what each actor has asked and been told so far.
 */
final class ModelChecker implements ModelExecution.Course {
  /**
   * What was explored.
   *
   * @param states different states
   * @param executions runs of the product's code from the start
   * @param courses courses of events that these cover
   * @param ends different contents of the store at an end, from each of which a new attempt went on
   * @param longest most events in a course
   * @param outcomes what actors were told
   */
  record Result(
      String name,
      int states,
      int executions,
      double courses,
      int ends,
      int longest,
      Set<String> outcomes) {
    /** Fails if it came to fewer states, or not to all of these outcomes. */
    void covers(int leastStates, String... expected) {
      assertThat(states).as("states of %s", name).isGreaterThanOrEqualTo(leastStates);
      assertThat(outcomes).as("outcomes of %s", name).contains(expected);
    }

    @Override
    public String toString() {
      return "%-58s %,9d states %,9d executions %9.2e courses %,6d ends %4d events"
          .formatted(name, states, executions, courses, ends, longest);
    }
  }

  private static final class Node {
    private final List<Choice> choices;
    private final long state;
    private int current;
    private double courses;

    Node(List<Choice> choices, long state) {
      this.choices = choices;
      this.state = state;
    }
  }

  private final ModelScenario scenario;
  private final Path local;
  private final int mostExecutions;
  private final ModelWorld initial;
  private final List<Node> stack = new ArrayList<>();
  private final Map<Long, Double> explored = new HashMap<>();
  private final Set<Long> entered = new HashSet<>();
  private final Set<Long> endings = new HashSet<>();
  private final Set<String> outcomes = new TreeSet<>();
  private double courses;
  private int depth;
  private boolean pruned;
  private int executions;
  private int longest;

  private ModelChecker(ModelScenario scenario, Path local, int mostExecutions) {
    this.scenario = scenario;
    this.local = local;
    this.mostExecutions = mostExecutions;
    this.initial = new ModelWorld();
    if (scenario.setup() != null) {
      straight(initial, new ProtocolRules(scenario, initial), List.of(scenario.setup()));
    }
  }

  /**
   * Explores a scenario to its end.
   *
   * @throws ProtocolRules.Violation if a rule does not hold, with the course of events
   * @throws IllegalStateException if it takes more executions than given
   */
  static Result explore(ModelScenario scenario, Path local, int mostExecutions) {
    return new ModelChecker(scenario, local, mostExecutions).explore();
  }

  private Result explore() {
    do {
      if (++executions > mostExecutions) {
        throw new IllegalStateException(
            scenario.name() + ": not done after " + mostExecutions + " executions");
      }
      execute();
    } while (backtrack());
    return new Result(
        scenario.name(), entered.size(), executions, courses, endings.size(), longest, outcomes);
  }

  private void execute() {
    depth = 0;
    pruned = false;
    ModelWorld world = new ModelWorld(initial);
    ProtocolRules rules = new ProtocolRules(scenario, world);
    ModelExecution execution = new ModelExecution(scenario, world, rules, this);
    execution.run(scenario.actors(), local);
    longest = Math.max(longest, execution.trace().size());
    outcomes.addAll(rules.ends());
    tell(execution, execution.violation());
    if (!pruned) {
      leaf(1);
      try {
        checkEnd(execution);
      } catch (ProtocolRules.Violation e) {
        tell(execution, e);
      }
    }
  }

  private void tell(ModelExecution execution, @Nullable Throwable violation) {
    if (violation != null) {
      ProtocolRules.Violation told =
          new ProtocolRules.Violation(
              scenario.name() + ": " + violation + "\n  " + String.join("\n  ", execution.trace()));
      told.initCause(violation);
      throw told;
    }
  }

  @Override
  public @Nullable Choice next(ModelExecution execution, List<Choice> possible) {
    int here = depth++;
    if (here < stack.size()) {
      Node node = stack.get(here);
      if (here == stack.size() - 1 && node.state != execution.stateHash()) {
        throw new IllegalStateException(
            "an execution is not like the former: " + execution.trace());
      }
      return node.choices.get(node.current);
    }
    long state = execution.stateHash();
    if (!entered.add(state)) {
      pruned = true;
      leaf(explored.getOrDefault(state, 0.0));
      return null;
    }
    stack.add(new Node(possible, state));
    return possible.getFirst();
  }

  private void leaf(double courses) {
    if (!stack.isEmpty()) {
      stack.getLast().courses += courses;
    }
  }

  /** Goes to the next branch that was not taken yet; returns false if there is none. */
  private boolean backtrack() {
    while (!stack.isEmpty()) {
      Node node = stack.getLast();
      if (++node.current < node.choices.size()) {
        return true;
      }
      stack.removeLast();
      explored.put(node.state, node.courses);
      courses = node.courses;
      leaf(node.courses);
    }
    return false;
  }

  /**
   * From every end a new attempt of the same owner goes on, whether what was on its way lands
   * before, after or never.
   */
  private void checkEnd(ModelExecution ended) {
    ModelWorld world = ended.world();
    if (!endings.add(world.stateHash())) {
      return;
    }
    ended.rules().checkWhole(world);
    List<ModelRequest> late = List.copyOf(world.onTheirWay);
    goesOn(ended, List.of());
    if (!late.isEmpty()) {
      goesOn(ended, late);
      late.forEach(ended::apply);
      goesOn(ended, List.of());
    }
  }

  private void goesOn(ModelExecution ended, List<ModelRequest> late) {
    ModelWorld world = new ModelWorld(ended.world());
    Head head = ended.rules().head(world);
    ModelScenario.Program next =
        actor -> {
          if (actor.claim(head == null ? "a" : head.owner())) {
            late.forEach(actor::lands);
            actor.freeze(3);
            int step = actor.resume();
            actor.commit(step + 1);
            actor.deliver(step + 2);
          }
        };
    List<ModelScenario.Program> programs =
        new ArrayList<>(Collections.nCopies(scenario.actors().size(), actor -> {}));
    programs.add(next);
    straight(world, new ProtocolRules(ended.rules()), programs);
  }

  /** Runs programs one after the other without any disturbance. */
  private void straight(
      ModelWorld world, ProtocolRules rules, List<ModelScenario.Program> programs) {
    ModelExecution execution =
        new ModelExecution(scenario.calm(), world, rules, (e, possible) -> possible.getFirst());
    execution.run(programs, local);
    tell(execution, execution.violation());
    rules.checkWhole(world);
  }
}
