package dev.finetune.trainer.run;

import dev.finetune.trainer.storage.FaultyStore.Fault;
import dev.finetune.trainer.storage.FaultyStore.Plan;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Semaphore;

/**
 * Lets two threads make their storage requests one at a time, in an order that is given. After the
 * order is used up they take turns.
 */
final class Interleaving implements Plan {
  private final Lane[] lanes = {new Lane(), new Lane()};
  private final Iterator<Fault> faults;

  private static final class Lane {
    private final Semaphore arrived = new Semaphore(0);
    private final Semaphore go = new Semaphore(0);
    private volatile boolean ended;
  }

  private static final ThreadLocal<Lane> LANE = new ThreadLocal<>();

  Interleaving(List<Fault> faults) {
    this.faults = faults.iterator();
  }

  @Override
  public Fault fault(String request) {
    Lane lane = LANE.get();
    if (lane == null) {
      return Fault.NONE;
    }
    lane.arrived.release();
    lane.go.acquireUninterruptibly();
    return faults.hasNext() ? faults.next() : Fault.NONE;
  }

  /** Runs two programs to their ends. */
  void run(Runnable first, Runnable second, List<Boolean> order) throws InterruptedException {
    Thread[] threads = {start(lanes[0], first), start(lanes[1], second)};
    lanes[0].arrived.acquire();
    lanes[1].arrived.acquire();
    Iterator<Boolean> turns = order.iterator();
    boolean turn = false;
    while (!lanes[0].ended || !lanes[1].ended) {
      turn = turns.hasNext() ? turns.next() : !turn;
      Lane lane = lanes[turn ? 1 : 0];
      if (!lane.ended) {
        lane.go.release();
        lane.arrived.acquire();
      }
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  private static Thread start(Lane lane, Runnable program) {
    return Thread.ofPlatform()
        .start(
            () -> {
              LANE.set(lane);
              try {
                program.run();
              } finally {
                lane.ended = true;
                lane.arrived.release();
              }
            });
  }
}
