package dev.finetune.trainer.fuzz;

import java.util.List;

/** Tokenizers of the kinds that are published, small. */
final class TokenizerSeeds {
  private static final String VOCABULARY =
      """
      {"<unk>": 0, "<s>": 1, "<|im_end|>": 2, "\u2581": 3, "a": 4, "b": 5, "ab": 6, "\u2581ab": 7,
       "<0x0A>": 8, "<|endoftext|>": 9, "<|pad|>": 10, "H": 11, "e": 12, "l": 13, "o": 14}
      """;
  private static final String ADDED =
      """
      [{"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true},
       {"id": 2, "content": "<|im_end|>", "single_word": false, "lstrip": true, "rstrip": false,
        "normalized": true, "special": true}]
      """;

  private TokenizerSeeds() {}

  static List<byte[]> all() {
    return List.of(
        ModelTargets.golden("models/tiny-llama/tokenizer.json"),
        sentencePiece(),
        splitting(),
        unigram());
  }

  /** As converted from SentencePiece for Llama 2 and Mistral. */
  private static byte[] sentencePiece() {
    return tokenizer(
        """
        {"type": "Sequence", "normalizers": [
          {"type": "Prepend", "prepend": "\u2581"},
          {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
        """,
        "null",
        """
        {"type": "TemplateProcessing",
         "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
        """,
        """
        {"type": "Sequence", "decoders": [
          {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
          {"type": "ByteFallback"}, {"type": "Fuse"},
          {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
        """,
        """
        {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
         "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
         "vocab": VOCABULARY, "merges": ["a b", "\u2581 ab"]}
        """);
  }

  /** As of Llama 3 and Qwen: an expression splits the text, bytes follow. */
  private static byte[] splitting() {
    return tokenizer(
        "{\"type\": \"NFC\"}",
        """
        {"type": "Sequence", "pretokenizers": [
          {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"},
           "behavior": "Isolated", "invert": false},
          {"type": "Digits", "individual_digits": true},
          {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]}
        """,
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false, \"use_regex\": true}",
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true}",
        """
        {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
         "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
         "vocab": VOCABULARY, "merges": [["a", "b"]]}
        """);
  }

  private static byte[] unigram() {
    return tokenizer(
        "{\"type\": \"NFKC\"}",
        "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"prepend_scheme\": \"always\", \"split\": true}",
        "null",
        "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"prepend_scheme\": \"always\", \"split\": true}",
        """
        {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
         "vocab": [["<unk>", 0], ["<s>", 0], ["<|im_end|>", 0], ["\u2581", -1.5], ["a", -2.5], ["ab", -3],
                   ["<|endoftext|>", 0], ["<|pad|>", 0]]}
        """);
  }

  private static byte[] tokenizer(
      String normalizer, String preTokenizer, String postProcessor, String decoder, String model) {
    return ModelTargets.utf8(
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": %s,
         "normalizer": %s, "pre_tokenizer": %s, "post_processor": %s, "decoder": %s, "model": %s}
        """
            .formatted(
                ADDED,
                normalizer,
                preTokenizer,
                postProcessor,
                decoder,
                model.replace("VOCABULARY", VOCABULARY)));
  }
}
