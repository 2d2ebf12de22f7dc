package dev.finetune.operator.desired;

import dev.finetune.api.spec.Cache;
import dev.finetune.api.spec.ConfigMapKeyReference;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.operator.config.OperatorConfig;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Volumes of the trainer pod and where its container sees them. */
record TrainerVolumes(List<Volume> volumes, List<VolumeMount> mounts) {
  static final String CONFIGURATION = "/etc/finetune";
  static final String CA_BUNDLE = "/etc/finetune-ca";
  static final String WORK = "/work";
  static final String CACHE = "/cache";
  static final String TEMPORARY = "/tmp";
  static final String PVC_ROOT = "/pvc";

  private static final String PVC = "pvc://";

  static TrainerVolumes of(FineTuneJobSpec spec, String configMap, OperatorConfig.Trainer config) {
    TrainerVolumes all = new TrainerVolumes(new ArrayList<>(), new ArrayList<>());
    all.addConfigMap("config", configMap, null, CONFIGURATION);
    all.addEmptyDir("work", WORK, config.workSizeLimit().map(Quantity::new));
    all.addCache(spec.cache(), config);
    all.addEmptyDir("tmp", TEMPORARY, config.temporarySizeLimit().map(Quantity::new));
    int index = 0;
    for (String claim : claims(spec)) {
      all.addClaim("pvc-" + index++, claim);
    }
    ConfigMapKeyReference caBundle = spec.storage().caBundleRef();
    if (caBundle != null) {
      all.addConfigMap("ca-bundle", caBundle.name(), caBundle.key(), CA_BUNDLE);
    }
    return all;
  }

  /** Returns the claims that model and data lie on, in the order in which the spec names them. */
  private static Set<String> claims(FineTuneJobSpec spec) {
    Set<String> claims = new LinkedHashSet<>();
    SpecUris.of(spec).forEach(uri -> addClaim(claims, uri));
    return claims;
  }

  private static void addClaim(Set<String> claims, String uri) {
    if (uri.startsWith(PVC)) {
      int end = uri.indexOf('/', PVC.length());
      claims.add(uri.substring(PVC.length(), end < 0 ? uri.length() : end));
    }
  }

  private void addConfigMap(String volume, String name, @Nullable String key, String path) {
    VolumeBuilder builder =
        new VolumeBuilder().withName(volume).withNewConfigMap().withName(name).endConfigMap();
    if (key != null) {
      builder.editConfigMap().addNewItem(key, null, key).endConfigMap();
    }
    volumes.add(builder.build());
    mount(volume, path, true);
  }

  /** Adds the cache: a claim that the pod writes to, or a folder that lives as long as the pod. */
  private void addCache(@Nullable Cache cache, OperatorConfig.Trainer config) {
    if (cache != null && cache.claimName() != null) {
      volumes.add(
          new VolumeBuilder()
              .withName("cache")
              .withNewPersistentVolumeClaim(cache.claimName(), null)
              .build());
      mount("cache", CACHE, false);
      return;
    }
    Optional<Quantity> asked =
        Optional.ofNullable(cache)
            .map(Cache::emptyDir)
            .map(Cache.EmptyDirectory::sizeLimit)
            .map(limit -> Amounts.of("spec.cache.emptyDir.sizeLimit", limit));
    addEmptyDir("cache", CACHE, asked.or(() -> config.cacheSizeLimit().map(Quantity::new)));
  }

  private void addEmptyDir(String volume, String path, Optional<Quantity> sizeLimit) {
    volumes.add(
        new VolumeBuilder()
            .withName(volume)
            .withNewEmptyDir()
            .withSizeLimit(sizeLimit.orElse(null))
            .endEmptyDir()
            .build());
    mount(volume, path, false);
  }

  private void addClaim(String volume, String claim) {
    volumes.add(
        new VolumeBuilder().withName(volume).withNewPersistentVolumeClaim(claim, true).build());
    mount(volume, PVC_ROOT + "/" + claim, true);
  }

  private void mount(String volume, String path, boolean readOnly) {
    mounts.add(
        new VolumeMountBuilder()
            .withName(volume)
            .withMountPath(path)
            .withReadOnly(readOnly ? true : null)
            .build());
  }
}
