package dev.finetune.embedded.faultproxy;

import java.util.concurrent.atomic.AtomicInteger;

/** A fault for some requests; counts those it met. */
public final class FaultRule {
  private final RequestMatch match;
  private final Fault fault;
  private final AtomicInteger matched = new AtomicInteger();
  private final AtomicInteger met = new AtomicInteger();

  FaultRule(RequestMatch match, Fault fault) {
    this.match = match;
    this.fault = fault;
  }

  /** Returns how many requests met the fault so far. */
  public int count() {
    return met.get();
  }

  /** Returns whether it is for this request, which then counts. */
  boolean takes(ProxiedRequest request) {
    if (!match.wanted().test(request)) {
      return false;
    }
    int index = matched.getAndIncrement() - match.skip();
    boolean takes = index >= 0 && index < match.times();
    if (takes) {
      met.incrementAndGet();
    }
    return takes;
  }

  Fault fault() {
    return fault;
  }
}
