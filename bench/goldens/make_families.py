#!/usr/bin/env python3
"""Tiny random models of every family: logits of transformers and a LoRA trajectory of PEFT.

usage: make_families.py OUT_DIR [--only NAME] [--seed 3]
Needs torch 2.7.1, transformers 4.57.6, peft 0.18.1 and safetensors. Writes OUT_DIR/NAME.safetensors.gz:

  metadata: config (config.json), adapter (adapter_config.json), case (losses and gradient norms by
            step, learning rate, weight decay, limit of the norm), versions
  model.*                      weights, rounded to bfloat16; all numbers are computed of these in float32
  forward.I.ids (T)            a sequence that runs by itself, a byte a token
  forward.I.places (n)         places of it
  forward.I.logits (n, V)      their logits
  train.R.ids (STEPS, T)       row R of every step, a byte a token; the first tokens are not supervised
  init.*, final.*              the adapter before (rounded to bfloat16) and after

Rows run one at a time, since frequencies that depend on the length depend on a batch's longest row
in transformers. Losses are sums over supervised tokens divided by their number in the step.
"""
import argparse, gzip, json, os, pathlib, platform, random

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import importlib.metadata as metadata
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY = 41
PROMPT = 3
STEPS = 10
LENGTHS = [19, 45]
TRAIN = dict(lr=3e-3, weight_decay=0.01, max_grad_norm=1.0)
BASE = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, attn_implementation="eager", bos_token_id=0,
            eos_token_id=1, pad_token_id=None)
GEMMA = dict(head_dim=16, pad_token_id=0)
LONG = dict(rope_type="longrope", short_factor=[1.0, 1.1, 1.3], long_factor=[1.5, 2.5, 4.0])

# name: (model_type, fields)
FAMILIES = {
    "llama-dynamic": ("llama", dict(max_position_embeddings=32, rope_scaling=dict(rope_type="dynamic", factor=3.0))),
    "llama-yarn": ("llama", dict(rope_scaling=dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=32))),
    "llama-bias": ("llama", dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
    "mistral": ("mistral", dict(sliding_window=12)),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True)),
    "qwen2-sliding": ("qwen2", dict(use_sliding_window=True, sliding_window=9, max_window_layers=1)),
    "qwen3": ("qwen3", dict(head_dim=16, tie_word_embeddings=True)),
    "gemma": ("gemma", GEMMA | dict(num_key_value_heads=1)),
    "gemma2": ("gemma2", GEMMA | dict(sliding_window=12, query_pre_attn_scalar=24, attn_logit_softcapping=3.0, final_logit_softcapping=5.0)),
    "gemma3": ("gemma3_text", GEMMA | dict(num_hidden_layers=3, sliding_window=12, sliding_window_pattern=3, query_pre_attn_scalar=24,
               rope_theta=100000.0, rope_local_base_freq=1000.0, rope_scaling=dict(rope_type="linear", factor=8.0))),
    "phi3": ("phi3", dict(sliding_window=14, pad_token_id=0)),
    "phi3-longrope": ("phi3", dict(original_max_position_embeddings=32, partial_rotary_factor=0.75, rope_scaling=LONG, tie_word_embeddings=True, pad_token_id=0)),
    "smollm3": ("smollm3", dict(num_hidden_layers=3, no_rope_layer_interval=3, tie_word_embeddings=True)),
    "gpt2": ("gpt2", dict(n_inner=60, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)),
}


def configuration(kind, fields):
    merged = BASE | fields
    if kind == "gpt2":
        merged = dict(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256, bos_token_id=0, eos_token_id=1,
                      attn_implementation="eager") | fields
    if kind == "phi3" and "rope_scaling" in merged:
        merged["rope_scaling"] = dict(merged["rope_scaling"])
        merged["rope_scaling"]["type"] = merged["rope_scaling"].pop("rope_type")
    return AutoConfig.for_model(kind, **merged)


def randomize(model, generator):
    """Every weight so large that a wrong factor shows; norms near the weight that changes nothing."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() == 2:
                p.copy_(noise * (0.6 if "embed" in name or "wte" in name or "lm_head" in name else 0.2))
            elif name.endswith("norm.weight") or ".ln_" in name and name.endswith("weight"):
                p.copy_(0.2 * noise + p.mean())
            else:
                p.copy_(0.2 * noise)
            p.copy_(p.bfloat16().float())


def ids(rng, length):
    return torch.tensor([[rng.randrange(VOCABULARY) for _ in range(length)]])


def supervised_sum(model, row):
    logits = model(input_ids=row).logits[0, PROMPT - 1:-1].float()
    return torch.nn.functional.cross_entropy(logits, row[0, PROMPT:], reduction="sum")


def train(model, rows):
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=TRAIN["lr"], weight_decay=TRAIN["weight_decay"])
    losses, norms = [], []
    for step in range(STEPS):
        items = sum(n - PROMPT for n in LENGTHS)
        total = 0.0
        for row in rows:
            loss = supervised_sum(model, row[step:step + 1]) / items
            loss.backward()
            total += float(loss)
        norms.append(float(torch.nn.utils.clip_grad_norm_(params, TRAIN["max_grad_norm"])))
        losses.append(total)
        optimizer.step()
        optimizer.zero_grad()
    return {"losses": losses, "norms": norms, "prompt": PROMPT} | TRAIN




def run(name, out_dir, seed):
    kind, fields = FAMILIES[name]
    config = configuration(kind, fields)
    config.architectures = [AutoModelForCausalLM._model_mapping[type(config)].__name__]
    torch.manual_seed(seed)
    rng = random.Random(f"{seed}-{name}")
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").train()
    generator = torch.Generator().manual_seed(seed)
    randomize(model, generator)
    tied = config.tie_word_embeddings
    out = {f"model.{n}": p.detach().bfloat16() for n, p in model.named_parameters() if not (tied and n == "lm_head.weight")}
    for i, length in enumerate((5, 60, 200)):
        row = ids(rng, length)
        places = torch.arange(length - 1, -1, -max(1, length // 14)).flip(0)
        with torch.no_grad():
            logits = model(input_ids=row).logits[0, places]
        out |= {f"forward.{i}.ids": row[0].to(torch.uint8), f"forward.{i}.places": places, f"forward.{i}.logits": logits.clone()}
    lora = LoraConfig(r=2, lora_alpha=3, target_modules="all-linear", task_type="CAUSAL_LM", fan_in_fan_out=kind == "gpt2")
    peft = get_peft_model(model, lora).train()
    trained = {n.replace(".default", ""): p for n, p in peft.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for key, p in trained.items():
            p.copy_((0.2 * torch.randn(p.shape, generator=generator)).bfloat16().float())
            out[f"init.{key}"] = p.detach().bfloat16()
    rows = [torch.cat([ids(rng, length) for _ in range(STEPS)]) for length in LENGTHS]
    out |= {f"train.{r}.ids": row.to(torch.uint8) for r, row in enumerate(rows)}
    case = train(peft, rows)
    out |= {f"final.{k}": p.detach().clone() for k, p in trained.items()}
    versions = {p: metadata.version(p) for p in ("torch", "transformers", "peft")} | {"python": platform.python_version()}
    adapter_config = {k: sorted(v) if isinstance(v, set) else v for k, v in peft.peft_config["default"].to_dict().items()}
    text = lambda value: json.dumps(value, sort_keys=True, default=str)
    content = save({k: v.contiguous() for k, v in out.items()}, metadata={
        "format": "pt", "config": config.to_json_string(), "adapter": text(adapter_config), "case": text(case), "versions": text(versions)})
    (out_dir / f"{name}.safetensors.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{name:16s} loss {case['losses'][0]:.4f} -> {case['losses'][-1]:.4f}, norm {case['norms'][0]:.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in FAMILIES:
        if arguments.only in name:
            run(name, arguments.out, arguments.seed)


main()
