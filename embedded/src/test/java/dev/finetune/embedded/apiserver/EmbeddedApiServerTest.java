package dev.finetune.embedded.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The behaviour that operators and kubectl rely on, over HTTP. */
class EmbeddedApiServerTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String EXPERIMENTS = "/apis/lab.example/v1/namespaces/default/experiments";
  private static final String FIRST = EXPERIMENTS + "/first";
  private static final String PODS = "/api/v1/namespaces/default/pods";
  private static final String JOBS = "/apis/batch/v1/namespaces/default/jobs";

  private final HttpClient http = HttpClient.newHttpClient();
  private EmbeddedApiServer server;

  private record Answer(int code, JsonNode body) {
    JsonNode at(String pointer) {
      return body.at(pointer);
    }

    String version() {
      return body.at("/metadata/resourceVersion").asText();
    }
  }

  @BeforeEach
  void start() throws Exception {
    server =
        EmbeddedApiServer.start(
            0, Path.of(EmbeddedApiServerTest.class.getResource("/crds/experiments.yaml").toURI()));
  }

  @AfterEach
  void stop() {
    server.close();
    http.close();
  }

  @Test
  void applyCreatesAndBooksWhatTheManagerOwns() {
    Answer created = apply(FIRST, "git", experiment("{model: tiny, targets: [q]}"));
    assertThat(created.code()).isEqualTo(200);
    assertThat(created.at("/spec/rank").asInt()).isEqualTo(16);
    assertThat(created.at("/spec/training/epochs").asInt()).isEqualTo(1);
    JsonNode managed = created.at("/metadata/managedFields/0");
    assertThat(managed.path("manager").asText()).isEqualTo("git");
    assertThat(managed.path("operation").asText()).isEqualTo("Apply");
    assertThat(managed.path("fieldsV1"))
        .isEqualTo(json("{\"f:spec\":{\"f:model\":{},\"f:targets\":{}}}"));
  }

  @Test
  void anApplyThatChangesNothingKeepsTheResourceVersion() {
    Answer created = apply(FIRST, "git", experiment("{model: tiny}"));
    Answer again = apply(FIRST, "git", experiment("{model: tiny}"));
    assertThat(again.version()).isEqualTo(created.version());
    assertThat(again.body()).isEqualTo(created.body());
  }

  @Test
  void applyRemovesWhatTheManagerNoLongerApplies() {
    apply(FIRST, "git", experiment("{model: tiny, limits: {memory: 1Gi, cpu: 2}}"));
    Answer changed = apply(FIRST, "git", experiment("{model: tiny, limits: {cpu: 2}}"));
    assertThat(changed.at("/spec/limits")).isEqualTo(json("{\"cpu\":2}"));
    Answer gone = apply(FIRST, "git", experiment("{model: tiny}"));
    assertThat(gone.at("/spec").has("limits")).isFalse();
  }

  @Test
  void applyKeepsWhatAnotherManagerAppliesToo() {
    apply(FIRST, "git", experiment("{model: tiny, limits: {cpu: 2}}"));
    apply(FIRST, "other", experiment("{limits: {cpu: 2}}"));
    Answer kept = apply(FIRST, "git", experiment("{model: tiny}"));
    assertThat(kept.at("/spec/limits/cpu").asInt()).isEqualTo(2);
  }

  @Test
  void applyRefusesToChangeAFieldOfAnotherManagerUnlessForced() {
    apply(FIRST, "git", experiment("{model: tiny, rank: 4}"));
    Answer refused = apply(FIRST, "tuner", experiment("{rank: 8}"));
    assertThat(refused.code()).isEqualTo(409);
    assertThat(refused.at("/message").asText())
        .isEqualTo("Apply failed with 1 conflict: conflict with \"git\": .spec.rank");
    Answer forced =
        patch(
            FIRST + "?fieldManager=tuner&force=true", "apply-patch+yaml", experiment("{rank: 8}"));
    assertThat(forced.at("/spec/rank").asInt()).isEqualTo(8);
    assertThat(apply(FIRST, "git", experiment("{model: tiny, rank: 4}")).code()).isEqualTo(409);
    assertThat(apply(FIRST, "git", experiment("{model: tiny}")).at("/spec/rank").asInt())
        .isEqualTo(8);
  }

  @Test
  void anUpdateTakesTheFieldsThatItChanges() {
    apply(FIRST, "git", experiment("{model: tiny, rank: 4}"));
    merge(FIRST + "?fieldManager=person", "{\"spec\":{\"rank\":32}}");
    assertThat(apply(FIRST, "git", experiment("{model: tiny, rank: 4}")).at("/message").asText())
        .contains("conflict with \"person\": .spec.rank");
  }

  @Test
  void conditionsOfTwoManagersMergeByType() {
    apply(FIRST, "git", experiment("{model: tiny}"));
    apply(
        FIRST + "/status",
        "a",
        status("conditions: [{type: Ready, status: 'True'}], phase: Running"));
    Answer both =
        apply(
            FIRST + "/status",
            "b",
            status("conditions: [{type: Failed, status: 'False'}], step: 3"));
    assertThat(both.at("/status/conditions")).hasSize(2);
    Answer fewer = apply(FIRST + "/status", "a", status("phase: Running"));
    assertThat(fewer.at("/status/conditions")).hasSize(1);
    assertThat(fewer.at("/status/conditions/0/type").asText()).isEqualTo("Failed");
    assertThat(fewer.at("/status/step").asInt()).isEqualTo(3);
    assertThat(fewer.at("/metadata/generation").asInt()).isEqualTo(1);
  }

  @Test
  void statusAndSpecAreWrittenApart() {
    apply(FIRST, "git", experiment("{model: tiny}") + "\nstatus: {phase: Stolen}");
    assertThat(get(FIRST).body().has("status")).isFalse();
    merge(FIRST + "/status", "{\"spec\":{\"model\":\"x\"},\"status\":{\"phase\":\"Running\"}}");
    assertThat(get(FIRST).at("/spec/model").asText()).isEqualTo("tiny");
    assertThat(get(FIRST).at("/status/phase").asText()).isEqualTo("Running");
    merge(FIRST, "{\"spec\":{\"rank\":2},\"status\":null}");
    assertThat(get(FIRST).at("/status/phase").asText()).isEqualTo("Running");
  }

  @Test
  void aJobKeepsItsStatusWhenItsSpecIsWritten() {
    post(JOBS, job("once"));
    merge(JOBS + "/once/status", "{\"status\":{\"active\":1}}");
    Answer suspended =
        patch(
            JOBS + "/once",
            "strategic-merge-patch+json",
            "{\"spec\":{\"suspend\":true},\"status\":{\"active\":9}}");
    assertThat(suspended.at("/status/active").asInt()).isEqualTo(1);
    assertThat(suspended.at("/spec/suspend").asBoolean()).isTrue();
    assertThat(suspended.at("/metadata/generation").asInt()).isEqualTo(2);
    assertThat(merge(JOBS + "/once", "{\"spec\":{\"completions\":2}}").code()).isEqualTo(422);
  }

  @Test
  void generationCountsChangesOfTheSpecOnly() {
    apply(FIRST, "git", experiment("{model: tiny}"));
    merge(FIRST, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
    assertThat(get(FIRST).at("/metadata/generation").asInt()).isEqualTo(1);
    merge(FIRST, "{\"spec\":{\"suspend\":true}}");
    assertThat(get(FIRST).at("/metadata/generation").asInt()).isEqualTo(2);
  }

  @Test
  void aMergePatchDeletesWithNullAndReplacesLists() {
    apply(FIRST, "git", experiment("{model: tiny, targets: [q, v], limits: {cpu: 2}}"));
    Answer patched = merge(FIRST, "{\"spec\":{\"targets\":[\"k\"],\"limits\":null}}");
    assertThat(patched.at("/spec/targets")).isEqualTo(json("[\"k\"]"));
    assertThat(patched.at("/spec").has("limits")).isFalse();
  }

  @Test
  void aJsonPatchApplies() {
    apply(FIRST, "git", experiment("{model: tiny}"));
    Answer patched =
        patch(
            FIRST,
            "json-patch+json",
            "[{\"op\":\"test\",\"path\":\"/spec/model\",\"value\":\"tiny\"},{\"op\":\"add\",\"path\":\"/spec/rank\",\"value\":2}]");
    assertThat(patched.at("/spec/rank").asInt()).isEqualTo(2);
    assertThat(
            patch(
                    FIRST,
                    "json-patch+json",
                    "[{\"op\":\"test\",\"path\":\"/spec/model\",\"value\":\"x\"}]")
                .code())
        .isEqualTo(400);
  }

  @Test
  void anUpdateOfAnOldVersionIsAConflict() {
    Answer created = apply(FIRST, "git", experiment("{model: tiny}"));
    merge(FIRST, "{\"spec\":{\"rank\":2}}");
    Answer refused = send("PUT", FIRST, "application/json", created.body().toString());
    assertThat(refused.code()).isEqualTo(409);
    assertThat(refused.at("/reason").asText()).isEqualTo("Conflict");
  }

  @Test
  void theSchemaRefusesWithThePathOfTheField() {
    Answer refused = apply(FIRST, "git", experiment("{rank: 0, task: Chess, targets: 3}"));
    assertThat(refused.code()).isEqualTo(422);
    assertThat(refused.at("/message").asText())
        .contains(
            "spec.rank: Invalid value: 0: spec.rank in body should be greater than or equal to 1",
            "spec.task: Unsupported value: \"Chess\": supported values: \"CausalLM\"",
            "spec.targets: Invalid value: 3: spec.targets in body must be of type array",
            "spec.model: Required value");
  }

  @Test
  void unknownFieldsAreRefusedWhenStrictAndDroppedWhenNot() {
    String typo = experiment("{model: tiny, ranks: 4, training: {epoch: 3}}");
    Answer refused =
        patch(FIRST + "?fieldManager=git&fieldValidation=Strict", "apply-patch+yaml", typo);
    assertThat(refused.code()).isEqualTo(400);
    assertThat(refused.at("/message").asText())
        .contains("unknown field \"spec.ranks\"", "unknown field \"spec.training.epoch\"");
    assertThat(apply(FIRST, "git", typo).at("/spec").has("ranks")).isFalse();
  }

  @Test
  void theAnswerWhenTheLastFinalizerGoesIsTheObject() {
    apply(FIRST, "git", experiment("{model: tiny}"));
    apply(
        FIRST,
        "op",
        "{apiVersion: lab.example/v1, kind: Experiment, metadata: {finalizers: [lab/x]}}");
    Answer marked = delete(FIRST);
    assertThat(marked.at("/metadata/deletionTimestamp").isTextual()).isTrue();
    assertThat(get(FIRST).code()).isEqualTo(200);
    Answer last = merge(FIRST, "{\"metadata\":{\"finalizers\":null}}");
    assertThat(last.code()).isEqualTo(200);
    assertThat(last.at("/metadata/name").asText()).isEqualTo("first");
    assertThat(get(FIRST).code()).isEqualTo(404);
  }

  @Test
  void whatOnlyADeletedObjectOwnedIsDeletedToo() {
    String owner = apply(FIRST, "git", experiment("{model: tiny}")).at("/metadata/uid").asText();
    String job = post(JOBS, owned(job("once"), owner)).at("/metadata/uid").asText();
    post(PODS, owned(pod("once-a"), job));
    post(PODS, pod("free"));
    delete(FIRST);
    assertThat(get(JOBS + "/once").code()).isEqualTo(404);
    assertThat(get(PODS + "/once-a").code()).isEqualTo(404);
    assertThat(get(PODS + "/free").code()).isEqualTo(200);
  }

  @Test
  void orphanedDependentsStay() {
    String owner = apply(FIRST, "git", experiment("{model: tiny}")).at("/metadata/uid").asText();
    post(JOBS, owned(job("once"), owner));
    delete(FIRST + "?propagationPolicy=Orphan");
    assertThat(get(JOBS + "/once").at("/metadata/ownerReferences")).isEmpty();
  }

  @Test
  void aPodOnANodeGoesWhenItsKubeletSaysSo() {
    String bound = pod("a").replace("\"containers\"", "\"nodeName\":\"here\",\"containers\"");
    post(PODS, bound);
    Answer marked = delete(PODS + "/a");
    assertThat(marked.at("/metadata/deletionGracePeriodSeconds").asInt()).isEqualTo(30);
    assertThat(get(PODS + "/a").code()).isEqualTo(200);
    delete(PODS + "/a?gracePeriodSeconds=0");
    assertThat(get(PODS + "/a").code()).isEqualTo(404);
  }

  @Test
  void evictionLeavesTheConditionThatTheJobControllerReads() {
    String bound = pod("a").replace("\"containers\"", "\"nodeName\":\"here\",\"containers\"");
    post(PODS, bound);
    post(PODS + "/a/eviction", "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\"}");
    assertThat(get(PODS + "/a").at("/status/conditions/0/type").asText())
        .isEqualTo("DisruptionTarget");
    assertThat(get(PODS + "/a").at("/metadata").has("deletionTimestamp")).isTrue();
  }

  @Test
  void aDeletionForAnotherUidIsRefused() {
    apply(FIRST, "git", experiment("{model: tiny}"));
    Answer refused =
        send("DELETE", FIRST, "application/json", "{\"preconditions\":{\"uid\":\"another\"}}");
    assertThat(refused.code()).isEqualTo(409);
    assertThat(get(FIRST).code()).isEqualTo(200);
  }

  @Test
  void aDryRunStoresNothing() {
    Answer answer =
        patch(
            FIRST + "?fieldManager=git&dryRun=All",
            "apply-patch+yaml",
            experiment("{model: tiny}"));
    assertThat(answer.at("/spec/rank").asInt()).isEqualTo(16);
    assertThat(get(FIRST).code()).isEqualTo(404);
  }

  @Test
  void aMissingNamespaceIsNamed() {
    Answer refused = post("/api/v1/namespaces/nowhere/pods", pod("a"));
    assertThat(refused.code()).isEqualTo(404);
    assertThat(refused.at("/message").asText()).isEqualTo("namespaces \"nowhere\" not found");
  }

  @Test
  void selectorsSelect() {
    post(PODS, pod("a").replace("\"labels\":{}", "\"labels\":{\"app\":\"x\",\"tier\":\"1\"}"));
    post(PODS, pod("b").replace("\"labels\":{}", "\"labels\":{\"app\":\"y\"}"));
    assertThat(names("?labelSelector=app%3Dx")).containsExactly("a");
    assertThat(names("?labelSelector=app+in+(x,y),!tier")).containsExactly("b");
    assertThat(names("?labelSelector=app!%3Dx")).containsExactly("b");
    assertThat(names("?labelSelector=tier")).containsExactly("a");
    assertThat(names("?fieldSelector=metadata.name%3Db")).containsExactly("b");
    assertThat(names("?fieldSelector=status.phase!%3DPending")).isEmpty();
  }

  @Test
  void aWatchReplaysFromAVersionAndFollows() throws Exception {
    String before = get(PODS).version();
    post(PODS, pod("a"));
    try (var lines = watch(PODS + "?watch=true&resourceVersion=" + before)) {
      var events = lines.iterator();
      assertThat(json(events.next()).at("/type").asText()).isEqualTo("ADDED");
      merge(PODS + "/a/status", "{\"status\":{\"phase\":\"Running\"}}");
      JsonNode modified = json(events.next());
      assertThat(modified.at("/type").asText()).isEqualTo("MODIFIED");
      assertThat(modified.at("/object/status/phase").asText()).isEqualTo("Running");
      delete(PODS + "/a");
      assertThat(json(events.next()).at("/type").asText()).isEqualTo("DELETED");
    }
  }

  @Test
  void aSelectedWatchSeesObjectsComeAndGo() throws Exception {
    post(PODS, pod("a"));
    try (var lines = watch(PODS + "?watch=true&labelSelector=app%3Dx")) {
      var events = lines.iterator();
      merge(PODS + "/a", "{\"metadata\":{\"labels\":{\"app\":\"x\"}}}");
      assertThat(json(events.next()).at("/type").asText()).isEqualTo("ADDED");
      merge(PODS + "/a", "{\"metadata\":{\"labels\":{\"app\":\"y\"}}}");
      assertThat(json(events.next()).at("/type").asText()).isEqualTo("DELETED");
    }
  }

  @Test
  void parallelUpdatesOfOneVersionHaveOneWinner() throws Exception {
    Answer created = apply(FIRST, "git", experiment("{model: tiny}"));
    List<Callable<Integer>> updates = new ArrayList<>();
    for (int i = 1; i <= 16; i++) {
      String body = created.body().toString().replace("\"rank\":16", "\"rank\":" + i);
      updates.add(() -> send("PUT", FIRST, "application/json", body).code());
    }
    try (var threads = Executors.newFixedThreadPool(8)) {
      List<Integer> codes = new ArrayList<>();
      for (var future : threads.invokeAll(updates)) {
        codes.add(future.get());
      }
      // The body with the old rank is the object as it is, or a conflict after the winner.
      assertThat(codes).contains(200).contains(409).containsOnly(200, 409);
      assertThat(codes.stream().filter(code -> code == 200).count()).isLessThanOrEqualTo(2);
    }
  }

  @Test
  void aTableHasTheColumnsOfTheDefinition() {
    apply(FIRST, "git", experiment("{model: tiny}"));
    Answer table = send("GET", EXPERIMENTS, "", "", "application/json;as=Table;v=v1;g=meta.k8s.io");
    assertThat(table.at("/kind").asText()).isEqualTo("Table");
    assertThat(table.body().at("/columnDefinitions").findValuesAsText("name"))
        .containsExactly("Name", "PHASE", "READY", "RANK", "REASON", "AGE");
    assertThat(table.at("/columnDefinitions/4/priority").asInt()).isEqualTo(1);
    assertThat(table.at("/rows/0/cells/0").asText()).isEqualTo("first");
    assertThat(table.at("/rows/0/cells/1").isNull()).isTrue();
    assertThat(table.at("/rows/0/cells/3").asInt()).isEqualTo(16);
  }

  @Test
  void reviewsAllowEverything() {
    Answer review =
        post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "{\"kind\":\"SelfSubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{}}");
    assertThat(review.code()).isEqualTo(201);
    assertThat(review.at("/status/allowed").asBoolean()).isTrue();
  }

  @Test
  void brokenBodiesAreRefused() {
    assertThat(post(PODS, "{\"kind\":").code()).isEqualTo(400);
    assertThat(post(PODS, "").code()).isEqualTo(400);
    assertThat(post(PODS, job("a")).at("/message").asText()).contains("expected a Pod of v1");
    assertThat(send("PATCH", PODS + "/a", "application/xml", "<a/>").code()).isEqualTo(404);
    post(PODS, pod("a"));
    assertThat(send("PATCH", PODS + "/a", "application/xml", "{}").code()).isEqualTo(415);
    assertThat(get("/apis/nobody/v1/things").code()).isEqualTo(404);
  }

  private List<String> names(String query) {
    return get(PODS + query).at("/items").findValuesAsText("name").stream()
        .filter(name -> name.length() == 1 && !name.equals("c"))
        .toList();
  }

  private static String experiment(String spec) {
    return "apiVersion: lab.example/v1\nkind: Experiment\nmetadata: {name: first}\nspec: " + spec;
  }

  private static String status(String fields) {
    return "{apiVersion: lab.example/v1, kind: Experiment, status: {" + fields + "}}";
  }

  private static String job(String name) {
    return "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\""
        + name
        + "\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}}}";
  }

  private static String pod(String name) {
    return "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":{},\"name\":\""
        + name
        + "\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}";
  }

  private static String owned(String object, String uid) {
    return object.replaceFirst(
        "\"metadata\":\\{",
        "\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"X\",\"name\":\"x\",\"uid\":\""
            + uid
            + "\"}],");
  }

  private Answer get(String path) {
    return send("GET", path, "", "");
  }

  private Answer delete(String path) {
    return send("DELETE", path, "", "");
  }

  private Answer post(String path, String body) {
    return send("POST", path, "application/json", body);
  }

  private Answer merge(String path, String body) {
    return patch(path, "merge-patch+json", body);
  }

  private Answer apply(String path, String manager, String body) {
    return patch(path + "?fieldManager=" + manager, "apply-patch+yaml", body);
  }

  private Answer patch(String path, String format, String body) {
    return send("PATCH", path, "application/" + format, body);
  }

  private Answer send(String method, String path, String type, String body) {
    return send(method, path, type, body, "application/json");
  }

  private Answer send(String method, String path, String type, String body, String accept) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(server.url() + path))
            .header("Accept", accept)
            .method(method, BodyPublishers.ofString(body));
    if (!type.isEmpty()) {
      request.header("Content-Type", type);
    }
    try {
      HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
      return new Answer(response.statusCode(), json(response.body()));
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private java.util.stream.Stream<String> watch(String path) throws Exception {
    return http.send(
            HttpRequest.newBuilder(URI.create(server.url() + path)).build(), BodyHandlers.ofLines())
        .body();
  }

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }
}
