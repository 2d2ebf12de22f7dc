package dev.finetune.trainer.chat;

/**
 * What a name or a key that is not there stands for: false, empty when printed, and an error when
 * something is done with it.
 *
 * @param what the name or key, for messages
 */
record Undefined(String what) {}
