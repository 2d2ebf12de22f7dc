package dev.finetune.local;

import java.nio.file.Path;
import java.time.Duration;

/**
 * What the demo shows.
 *
 * @param job FineTuneJob file to submit
 * @param model file of the base model
 * @param launcher program that answers the prompt
 * @param folder where the adapter is copied to
 * @param prompt what is asked without and with the adapter
 * @param patience how long the job may take
 */
record DemoOptions(
    Path job, Path model, Path launcher, Path folder, String prompt, Duration patience) {}
