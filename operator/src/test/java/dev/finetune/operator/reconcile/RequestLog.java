package dev.finetune.operator.reconcile;

import io.fabric8.kubernetes.client.http.BasicBuilder;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.Interceptor;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;

/** Writes down what the operator asks of the API server, and can step in before a request. */
final class RequestLog implements Interceptor {
  /** What was asked. */
  record Request(String method, String path) {
    boolean writes() {
      return !method.equals("GET");
    }
  }

  private record Step(Predicate<Request> when, Runnable then) {}

  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private final AtomicReference<Step> next = new AtomicReference<>();

  @Override
  public void before(BasicBuilder builder, HttpRequest request, RequestTags tags) {
    Request asked = new Request(request.method(), request.uri().getPath());
    requests.add(asked);
    Step step = next.get();
    if (step != null && step.when().test(asked) && next.compareAndSet(step, null)) {
      step.then().run();
    }
  }

  /** Runs something once, before the next request of a kind is sent. */
  void before(Predicate<Request> when, Runnable then) {
    next.set(new Step(when, then));
  }

  List<Request> requests() {
    return List.copyOf(requests);
  }

  long writes() {
    return requests.stream().filter(Request::writes).count();
  }
}
