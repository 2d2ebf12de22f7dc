#!/usr/bin/env python3
"""A tiny model as bitsandbytes keeps it in 4 bits, by transformers and bitsandbytes on the CPU.

usage: make_bnb.py MODEL_DIR OUT_DIR
  config.json, model.safetensors   the checkpoint that save_pretrained makes of it
  logits.safetensors               ids (i64) and logits (f32) of one prompt, as transformers computes them from it
"""
import argparse, pathlib, shutil, tempfile
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(options.model, quantization_config=config, dtype=torch.float32,
                                                 device_map="cpu", attn_implementation="eager")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        for name in ("config.json", "model.safetensors"):
            shutil.copy(pathlib.Path(folder) / name, options.out / name)
        again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu", attn_implementation="eager")
    # A pass in training mode: one in evaluation mode packs the weights in another way first.
    again.train()
    ids = torch.randint(4, 500, (1, 24))
    with torch.no_grad():
        logits = again(ids).logits
    save_file({"ids": ids, "logits": logits.float().contiguous()}, options.out / "logits.safetensors", {"format": "pt"})
    for path in options.out.iterdir():
        path.chmod(0o644)


main()
