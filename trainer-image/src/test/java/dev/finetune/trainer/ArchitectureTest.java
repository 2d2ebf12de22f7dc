package dev.finetune.trainer;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Who may know whom in the trainer. */
@AnalyzeClasses(
    packages = "dev.finetune.trainer",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ROOT = "dev.finetune.trainer.";

  @ArchTest
  static final ArchRule noPackageKnowsAnotherInACircle =
      slices().matching(ROOT + "(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule onlyTheEngineKnowsDjlPytorch =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "engine..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("ai.djl.pytorch..", "ai.djl.ndarray..", "ai.djl.engine..");

  @ArchTest
  static final ArchRule onlyTheTokenizerKnowsTheTokenizersBinding =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "tokenizer..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("ai.djl.huggingface..");

  @ArchTest
  static final ArchRule onlyTheEngineCallsForeignFunctions =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "engine..")
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.lang.foreign.Linker");

  @ArchTest
  static final ArchRule nothingKnowsTheRecipe =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "recipe..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage(ROOT + "recipe..");

  @ArchTest
  static final ArchRule storageKnowsNoTensors =
      noClasses()
          .that()
          .resideInAnyPackage(
              ROOT + "storage..", ROOT + "run..", ROOT + "source..", ROOT + "cache..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              ROOT + "engine..", ROOT + "model..", ROOT + "lora..", ROOT + "train..", "ai.djl..");

  @ArchTest
  static final ArchRule layersKnowOnlyTheEngineBelowThem =
      noClasses()
          .that()
          .resideInAnyPackage(ROOT + "quant..", ROOT + "lora..", ROOT + "loss..", ROOT + "optim..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              ROOT + "model..", ROOT + "train..", ROOT + "storage..", ROOT + "run..");

  @ArchTest
  static final ArchRule onlyStorageKnowsTheAwsSdk =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "storage..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("software.amazon..");

  @ArchTest
  static final ArchRule theTrainerKnowsNothingOfKubernetes =
      noClasses().should().dependOnClassesThat().resideInAPackage("io.fabric8.kubernetes..");

  @ArchTest
  static final ArchRule namesSayWhatAThingIs =
      classes().should().haveNameNotMatching(".*(Util|Utils|Helper|Manager|Impl)(\\$.*)?");
}
