package dev.finetune.operator.dependent;

/**
 * What Kueue keeps of a Job in a queue.
 *
 * @param name name of the Workload, in the namespace of the Job
 * @param active whether Kueue may run it
 */
public record KueueWorkload(String name, boolean active) {}
