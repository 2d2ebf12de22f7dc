package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Job controller and kubelet of this machine, for Jobs with the label {@code
 * app.kubernetes.io/managed-by=finetune-operator}. One thread does all the work; changes wake it.
 */
public final class LocalRunner implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LocalRunner.class);
  private static final String MANAGED_BY = "app.kubernetes.io/managed-by";
  private static final String OPERATOR = "finetune-operator";
  private static final String NODE = "this-machine";
  private static final Duration LOOK_AGAIN = Duration.ofMillis(500);
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(20);

  private final KubernetesClient client;
  private final RunnerOptions options;
  private final JobController controller;
  private final Kubelet kubelet;
  private final BlockingQueue<Boolean> wakes = new ArrayBlockingQueue<>(1);
  private final List<SharedIndexInformer<?>> informers;
  private final Thread thread;

  private LocalRunner(KubernetesClient client, RunnerOptions options) {
    this.client = client;
    this.options = options;
    Clock clock = Clock.systemUTC();
    this.controller = new JobController(client, NODE, clock);
    this.kubelet = new Kubelet(client, options, clock, this::wake);
    this.informers =
        List.of(
            client
                .batch()
                .v1()
                .jobs()
                .inAnyNamespace()
                .withLabel(MANAGED_BY, OPERATOR)
                .inform(new Waker<Job>()),
            client
                .pods()
                .inAnyNamespace()
                .withLabel(MANAGED_BY, OPERATOR)
                .inform(new Waker<Pod>()));
    this.thread = Thread.ofPlatform().name("runner").daemon().start(this::loop);
  }

  /**
   * Starts a runner.
   *
   * @param client client of the API server; stays open when the runner is closed
   * @return the runner, to be closed by the caller, which stops all pods
   */
  public static LocalRunner start(KubernetesClient client, RunnerOptions options) {
    return new LocalRunner(client, options);
  }

  /** Returns the process id of a pod, if it runs here. */
  public OptionalLong pid(Pod pod) {
    return kubelet.pid(pod.getMetadata().getUid());
  }

  /**
   * Opens what a pod has printed so far. The caller closes it.
   *
   * @throws IOException if the log cannot be read
   */
  public Optional<InputStream> openLog(String namespace, String pod) throws IOException {
    Path log = PodFolder.at(options.folder(), namespace, pod).resolve("log");
    return Files.exists(log) ? Optional.of(Files.newInputStream(log)) : Optional.empty();
  }

  /** Asks all pods to stop, waits up to 20 s for them, kills the rest. */
  @Override
  public void close() {
    thread.interrupt();
    informers.forEach(SharedIndexInformer::close);
    try {
      thread.join();
      kubelet.stopAll(STOP_PATIENCE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    try {
      while (true) {
        pass();
        Boolean woken = wakes.poll(LOOK_AGAIN.toMillis(), TimeUnit.MILLISECONDS);
        LOG.trace("woken by a change: {}", woken);
      }
    } catch (InterruptedException _) {
      LOG.debug("the runner stops");
    }
  }

  private void pass() throws InterruptedException {
    List<Job> jobs = new ArrayList<>();
    attempt(() -> jobs.addAll(jobs()));
    for (Job job : jobs) {
      attempt(() -> controller.reconcile(job));
    }
    List<Pod> pods = new ArrayList<>();
    attempt(() -> pods.addAll(pods()));
    for (Pod pod : pods) {
      attempt(() -> kubelet.sync(pod));
    }
    attempt(
        () -> {
          List<Pod> left = pods();
          kubelet.stopRemoved(left);
          controller.releaseOrphans(left, jobs());
        });
  }

  /** A step of a pass. */
  private interface Step {
    void run() throws InterruptedException;
  }

  /** Takes a step; one that fails is taken again in the next pass and holds up no other. */
  private static void attempt(Step step) throws InterruptedException {
    try {
      step.run();
    } catch (KubernetesClientException e) {
      if (Thread.currentThread().isInterrupted() || e.getCause() instanceof InterruptedException) {
        throw new InterruptedException("while talking to the API server");
      }
      // A conflict with another writer, or an object that has just gone: look again.
      LOG.debug("a step of the runner failed", e);
    } catch (RuntimeException e) {
      // A bug, or a broken object of one job: the others go on.
      LOG.error("a step of the runner failed", e);
    }
  }

  private List<Job> jobs() {
    return client
        .batch()
        .v1()
        .jobs()
        .inAnyNamespace()
        .withLabel(MANAGED_BY, OPERATOR)
        .list()
        .getItems();
  }

  private List<Pod> pods() {
    return client.pods().inAnyNamespace().withLabel(MANAGED_BY, OPERATOR).list().getItems();
  }

  private void wake() {
    // A wake that is there already is enough.
    boolean added = wakes.offer(true);
    LOG.trace("wake added: {}", added);
  }

  private final class Waker<T extends HasMetadata> implements ResourceEventHandler<T> {
    @Override
    public void onAdd(T object) {
      wake();
    }

    @Override
    public void onUpdate(T before, T object) {
      wake();
    }

    @Override
    public void onDelete(T object, boolean unknown) {
      wake();
    }
  }
}
