/**
 * What the cluster should hold: pure functions from a FineTuneJob and the settings to Kubernetes
 * objects.
 */
@NullMarked
package dev.finetune.operator.desired;

import org.jspecify.annotations.NullMarked;
