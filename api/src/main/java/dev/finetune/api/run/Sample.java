package dev.finetune.api.run;

/**
 * An answer of the model, for people.
 *
 * @param prompt what it was asked, cut if long
 * @param answer what it said, cut if long
 */
public record Sample(String prompt, String answer) {}
