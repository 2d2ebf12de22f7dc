package dev.finetune.trainer.chat;

/** A part of a text: index of its first char, and after its last. */
public record TextSpan(int start, int end) {}
