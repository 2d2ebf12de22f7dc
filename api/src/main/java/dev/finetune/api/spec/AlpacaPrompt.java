package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How the prompt of an Alpaca row is written: variants that are in use and differ. */
public enum AlpacaPrompt {
  /** Ends with {@code ### Response:} and a line feed, as litgpt, axolotl and torchtune have it. */
  @JsonProperty("newline")
  NEWLINE,
  /** Ends with {@code ### Response:} and a space, as qlora.py has it. */
  @JsonProperty("space")
  SPACE,
  /** Ends with {@code ### Response:} and nothing after it, as Stanford Alpaca has it. */
  @JsonProperty("bare")
  BARE,
  /** As LLaMA-Factory has it: input joined to the instruction, always the header without input. */
  @JsonProperty("llamaFactory")
  LLAMA_FACTORY
}
