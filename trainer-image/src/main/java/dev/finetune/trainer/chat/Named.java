package dev.finetune.trainer.chat;

/** An argument with a name. */
record Named(String name, Object value) {}
