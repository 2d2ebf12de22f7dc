/**
 * Plays the Job controller and the kubelet for the Jobs of the operator: a pod is a process on this
 * machine. It has no policy of its own; suspension, retries, replacement, deadlines and grace
 * periods are those that the Job states. Images, resources and security contexts are not honoured.
 */
@NullMarked
package dev.finetune.local.runner;

import org.jspecify.annotations.NullMarked;
