package dev.finetune.trainer.source;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/** Work on some files at a time. */
final class Parallel {
  /** More connections to one server seldom bring more bytes. */
  private static final int MOST = 4;

  private final String name;

  Parallel(String name) {
    this.name = name;
  }

  /**
   * Applies a function to all items and returns the results in their order. The first failure stops
   * the rest and is thrown, once no thread is at work any more.
   */
  <T, R> List<R> map(List<T> items, Function<T, R> work) {
    ExecutorService threads =
        Executors.newFixedThreadPool(
            Math.clamp(items.size(), 1, MOST),
            Thread.ofPlatform().daemon().name(name, 1).factory());
    try (threads) {
      List<Future<R>> all =
          items.stream().map(item -> threads.submit(() -> work.apply(item))).toList();
      List<R> results = new ArrayList<>();
      try {
        for (Future<R> one : all) {
          results.add(result(one));
        }
      } finally {
        threads.shutdownNow();
      }
      return results;
    }
  }

  private static <R> R result(Future<R> one) {
    try {
      return one.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while files were brought", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }
}
