package dev.finetune.trainer.chat;

import java.util.List;

/** Python's tuple, which prints otherwise than a list. */
record Tuple(List<Object> items) {}
