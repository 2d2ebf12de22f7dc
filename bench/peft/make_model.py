"""Makes a model folder in the Hugging Face layout from a GGUF file, so that both sides train on the same weights.

usage: make_model.py MODEL.gguf FOLDER

Weights are dequantized to float32, exactly. Rows of the query and key projections, which GGUF keeps in the order of
interleaved rotations, go back into two halves per head. The tokenizer is rebuilt from the file's vocabulary and merges.
Every weight is then compared with what transformers' own GGUF loader makes of the file.
"""
import argparse
import pathlib

import numpy
import torch
from gguf import GGUFReader, dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CONTROL = 3  # token type of special tokens


def to_halves(weight, heads):
    """Turns the pairs of a head's rows into two halves."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def weights(reader, fields):
    heads = {"attn_q": fields["llama.attention.head_count"], "attn_k": fields["llama.attention.head_count_kv"]}
    for tensor in reader.tensors:
        values = numpy.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=numpy.float32)
        values = values.reshape([int(size) for size in reversed(tensor.shape)])
        first, *rest = tensor.name.split(".")
        if first != "blk":
            yield f"{OUTSIDE[first]}.weight", torch.from_numpy(values.copy())
            continue
        layer, kind = rest[0], rest[1]
        if kind in heads:
            values = to_halves(values, heads[kind])
        yield f"model.layers.{layer}.{BLOCK[kind]}.weight", torch.from_numpy(values.copy())


def tokenizer(fields):
    if fields["tokenizer.ggml.pre"] != "smollm":
        raise SystemExit(f"expected the pre-tokenizer smollm, found {fields['tokenizer.ggml.pre']}")
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    made.decoder = decoders.ByteLevel()
    types = fields["tokenizer.ggml.token_type"]
    special = [AddedToken(token, special=True, normalized=False) for token, kind in zip(tokens, types) if kind == CONTROL]
    made.add_special_tokens(special)
    named = {
        f"{ours}_token": tokens[fields[f"tokenizer.ggml.{theirs}_token_id"]]
        for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))}
    fast = PreTrainedTokenizerFast(tokenizer_object=made, clean_up_tokenization_spaces=False, **named)
    fast.chat_template = fields["tokenizer.chat_template"]
    return fast


def config(fields, tied):
    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=len(fields["tokenizer.ggml.tokens"]),
        hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=fields["llama.attention.head_count"],
        num_key_value_heads=fields["llama.attention.head_count_kv"],
        max_position_embeddings=fields["llama.context_length"],
        rope_theta=float(fields["llama.rope.freq_base"]),
        rms_norm_eps=float(f"{fields['llama.attention.layer_norm_rms_epsilon']:.6g}"),
        tie_word_embeddings=tied,
        bos_token_id=fields["tokenizer.ggml.bos_token_id"],
        eos_token_id=fields["tokenizer.ggml.eos_token_id"],
        pad_token_id=fields["tokenizer.ggml.padding_token_id"],
        dtype=torch.float32)


def main():
    parser = argparse.ArgumentParser(description="Makes a model folder from a GGUF file.")
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    reader = GGUFReader(str(arguments.gguf))
    fields = {name: field.contents() for name, field in reader.fields.items()}
    tensors = dict(weights(reader, fields))
    loaded = AutoModelForCausalLM.from_pretrained(
        str(arguments.gguf.parent), gguf_file=arguments.gguf.name, dtype=torch.float32).state_dict()
    different = [name for name, values in tensors.items() if not torch.equal(values, loaded[name])]
    if different:
        raise SystemExit(f"{different[0]}: differs from what transformers reads, as do {len(different) - 1} others")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    config(fields, tied="lm_head.weight" not in tensors).save_pretrained(arguments.folder)
    tokenizer(fields).save_pretrained(arguments.folder)
    save_file(tensors, arguments.folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
