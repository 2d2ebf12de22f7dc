package dev.finetune.trainer.chaos;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/** Which kills come in which order: every signal at every moment equally often, shuffled. */
final class KillPlan {
  private KillPlan() {}

  /** Returns chains of kills; within a chain those at the end of the run come last. */
  static List<List<Kill>> chains(Random random, int kills, int chainLength) {
    List<Kill> all = new ArrayList<>();
    while (all.size() < kills) {
      List<Kill> round = new ArrayList<>();
      for (Moment moment : Moment.values()) {
        for (Kill.Signal signal : Kill.Signal.values()) {
          round.add(new Kill(signal, moment));
        }
      }
      Collections.shuffle(round, random);
      all.addAll(round.subList(0, Math.min(round.size(), kills - all.size())));
    }
    List<List<Kill>> chains = new ArrayList<>();
    for (int start = 0; start < all.size(); start += chainLength) {
      List<Kill> chain =
          new ArrayList<>(all.subList(start, Math.min(all.size(), start + chainLength)));
      // SIGTERM at the end is heard when the adapter is delivered, which no kill can follow.
      chain.sort(Comparator.comparing(KillPlan::lateness));
      chains.add(List.copyOf(chain));
    }
    return List.copyOf(chains);
  }

  private static int lateness(Kill kill) {
    if (!kill.moment().atTheEnd()) {
      return 0;
    }
    return kill.signal() == Kill.Signal.SIGKILL ? 1 : 2;
  }
}
