package dev.finetune.trainer.plan;

import java.util.ArrayDeque;
import java.util.Deque;

/** Mirrors {@code TapeMemory}: pieces of memory that tapes use again. */
final class TapePieces implements AutoCloseable {
  private final Ledger ledger;
  private final Deque<Ledger.Allocation> free = new ArrayDeque<>();

  TapePieces(Ledger ledger) {
    this.ledger = ledger;
  }

  Ledger.Allocation take(long bytes) {
    Ledger.Allocation piece = free.poll();
    if (piece != null && piece.bytes() >= bytes) {
      return piece;
    }
    Ledger.Scope scope = ledger.scope();
    if (piece != null) {
      scope.own(piece);
      scope.free(piece);
    }
    return scope.release(scope.hold("tape: records of blocks", bytes));
  }

  /** Takes a piece back out of the scope of a record. */
  void giveBack(Ledger.Scope record) {
    free.push(record.release(record.last()));
  }

  @Override
  public void close() {
    try (Ledger.Scope scope = ledger.scope()) {
      free.forEach(scope::own);
      free.clear();
    }
  }
}
