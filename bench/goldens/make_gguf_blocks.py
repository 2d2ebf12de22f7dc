#!/usr/bin/env python3
"""Golden blocks of GGUF's quantized types, by the `gguf` package.

usage: make_gguf_blocks.py GGUF_MODEL OUT_DIR [--seed 3]
  blocks-table.safetensors   IQ4_NL and IQ4_XS: NAME.bytes (u8) and NAME.values (f32)
  blocks-encoded.safetensors what a writer must make: values (f32), Q8_0.bytes, Q4_0.bytes, F16.bytes
  tiny-mixed.digests.json    SHA-256 of the float32 bytes of each tensor of GGUF_MODEL in the Hugging Face layout
"""
import argparse, hashlib, json, pathlib
import gguf, numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

BLOCK = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
         "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def hugging_face_name(name):
    name = name.removesuffix(".weight")
    if name in TOP:
        return TOP[name] + ".weight"
    _, layer, inner = name.split(".")
    return f"model.layers.{layer}.{BLOCK[inner]}.weight"


def digests(path):
    reader = gguf.GGUFReader(str(path))
    heads = int(reader.fields["llama.attention.head_count"].contents())
    kv_heads = int(reader.fields["llama.attention.head_count_kv"].contents())
    result = {}
    for tensor in reader.tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
        paired = heads if "attn_q." in tensor.name else kv_heads if "attn_k." in tensor.name else 0
        if paired:
            values = values.reshape(paired, shape[0] // paired // 2, 2, shape[1]).swapaxes(1, 2).reshape(shape)
        result[hugging_face_name(tensor.name)] = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    return result


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--seed", type=int, default=3)
    options = arguments.parse_args()
    random = np.random.default_rng(options.seed)

    tables = {}
    for name in ("IQ4_NL", "IQ4_XS"):
        elements, size = gguf.GGML_QUANT_SIZES[T[name]]
        blocks = random.integers(0, 256, (4, size), dtype=np.uint8)
        blocks[:, 0:2] = random.uniform(0.001, 0.05, (4, 1)).astype(np.float16).view(np.uint8)
        tables[f"{name}.bytes"] = blocks
        tables[f"{name}.values"] = gguf.dequantize(blocks, T[name]).astype(np.float32).reshape(4, elements)
    save_file(tables, options.out / "blocks-table.safetensors", {"format": "pt"})

    values = random.standard_normal((16, 64), dtype=np.float32)
    values[1] *= 1e-6  # the scale is a subnormal half
    values[2, :32] = 0  # a block of zeros
    values[3] = np.round(values[3] * 8) / 8  # many ties
    values[4, :32] = np.linspace(-127, 127, 32, dtype=np.float32) + 0.5  # exact halves of the scale
    values[5] = -np.abs(values[5])
    values[6, 3], values[6, 9] = 2.0, -2.0  # two largest of opposite signs
    values[7] *= 1e4
    encoded = {"values": values}
    for name in ("Q8_0", "Q4_0", "F16"):
        encoded[f"{name}.bytes"] = gguf.quantize(values, T[name]).view(np.uint8).reshape(16, -1)
    save_file(encoded, options.out / "blocks-encoded.safetensors", {"format": "pt"})

    (options.out / "tiny-mixed.digests.json").write_text(json.dumps(digests(options.model), indent=1) + "\n")


main()
