package dev.finetune.operator;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Keeps the map of the packages true. */
@AnalyzeClasses(
    packages = "dev.finetune.operator",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final List<String> PACKAGES =
      List.of("api", "config", "desired", "dependent", "status", "progress", "reconcile");

  @ArchTest static final ArchRule API_KNOWS_NOTHING = mayUse("api");
  @ArchTest static final ArchRule CONFIG_KNOWS_NOTHING = mayUse("config");
  @ArchTest static final ArchRule DESIRED_IS_PURE = mayUse("desired", "api", "config");
  @ArchTest static final ArchRule STATUS_IS_PURE = mayUse("status", "api");
  @ArchTest static final ArchRule PROGRESS_READS = mayUse("progress", "api", "config");
  @ArchTest static final ArchRule DEPENDENT_ACTS = mayUse("dependent", "api", "config", "desired");

  @ArchTest
  static final ArchRule NOBODY_KNOWS_THE_LOOP =
      noClasses()
          .that()
          .resideOutsideOfPackage("..operator.reconcile..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("..operator.reconcile..");

  @ArchTest
  static final ArchRule ONLY_THE_EDGES_CALL_THE_CLUSTER =
      noClasses()
          .that()
          .resideInAnyPackage("..operator.desired..", "..operator.status..", "..operator.config..")
          .should()
          .dependOnClassesThat()
          .areAssignableTo(KubernetesClient.class);

  @ArchTest
  static final ArchRule DECISIONS_ASK_NOBODY =
      noClasses()
          .that()
          .haveSimpleNameEndingWith("Policy")
          .and()
          .resideInAPackage("..operator.reconcile..")
          .or()
          .haveSimpleName("DecisionMaker")
          .or()
          .haveSimpleName("AttemptLedger")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.fabric8.kubernetes.client..", "software.amazon..", "java.net..");

  @ArchTest
  static final ArchRule NO_CYCLES =
      slices().matching("dev.finetune.operator.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule NAMES_SAY_WHAT_THINGS_ARE =
      classes()
          .should()
          .haveSimpleNameNotEndingWith("Utils")
          .andShould()
          .haveSimpleNameNotEndingWith("Util")
          .andShould()
          .haveSimpleNameNotEndingWith("Helper")
          .andShould()
          .haveSimpleNameNotEndingWith("Manager")
          .andShould()
          .haveSimpleNameNotEndingWith("Impl");

  private static ArchRule mayUse(String name, String... others) {
    List<String> forbidden = new ArrayList<>(PACKAGES);
    forbidden.remove(name);
    forbidden.removeAll(Arrays.asList(others));
    return noClasses()
        .that()
        .resideInAPackage("dev.finetune.operator." + name + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            forbidden.stream()
                .map(other -> "dev.finetune.operator." + other + "..")
                .toArray(String[]::new));
  }
}
