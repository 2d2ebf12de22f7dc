#!/usr/bin/env python3
"""Trajectories of LoRA with a trained head: transformers' models for classification under PEFT.

usage: make_heads.py MODELS_DIR OUT_DIR [--only TEXT] [--seed 5]
Needs torch 2.7.1, transformers 4.57.6, peft 0.18.1 and safetensors. Writes OUT_DIR/CASE/:

  case.json                  kind, number of labels, hyperparameters, loss and gradient norm by step
  batches.safetensors        step{S}.micro{M}.{input_ids,attention_mask,labels}, eval.*
  init/, final/              the adapter as PEFT saves it
  grads.safetensors          gradients of steps 0 and 2 (one case of texts, one of words)
  eval_logits.safetensors    logits of eval before and after

The loss of a step is the mean over the examples (or labelled words) of all its micro-batches, which
have as many examples each.
"""
import argparse, json, os, pathlib, random

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification, get_scheduler

TRAIN = dict(lr=2e-3, weight_decay=0.02, max_grad_norm=1.0, scheduler="linear", warmup_steps=2, accum=1, rows=4, longest=24, left=False)
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# case: (model, kind, labels, changes)
CASES = {
    "seqcls-3": ("tiny-llama", "single", 3, {}),
    "seqcls-3-leftpad": ("tiny-llama", "single", 3, dict(left=True)),
    "seqcls-accum2-mean": ("tiny-llama", "single", 3, dict(accum=2, rows=2)),
    "seqcls-multilabel": ("tiny-llama", "multi", 4, {}),
    "seqcls-regression": ("tiny-llama", "regression", 1, {}),
    "tokcls-5": ("tiny-llama", "token", 5, {}),
}


def label(rng, kind, labels, length):
    if kind == "single":
        return rng.randrange(labels)
    if kind == "regression":
        return rng.uniform(-2, 2)
    if kind == "multi":
        return [float(rng.random() < 0.5) for _ in range(labels)]
    return [rng.randrange(labels) if rng.random() < 0.7 else -100 for _ in range(length)]


def batch(rng, vocabulary, kind, labels, cfg):
    rows = []
    for _ in range(cfg["rows"]):
        ids = [rng.randrange(3, vocabulary) for _ in range(rng.randint(2, cfg["longest"]))]
        rows.append((ids, label(rng, kind, labels, len(ids))))
    width = max(len(ids) for ids, _ in rows)
    pad = lambda x, fill: [fill] * (width - len(x)) + x if cfg["left"] else x + [fill] * (width - len(x))
    return {
        "input_ids": torch.tensor([pad(ids, 0) for ids, _ in rows]),
        "attention_mask": torch.tensor([pad([1] * len(ids), 0) for ids, _ in rows]),
        "labels": torch.tensor([pad(y, -100) if kind == "token" else y for _, y in rows]),
    }


def key(name):
    return name.replace(".default", "")


def train(model, batches, cfg):
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    groups = [{"params": [p for n, p in named.items() if n.endswith("bias") == bias], "weight_decay": 0.0 if bias else cfg["weight_decay"]}
              for bias in (False, True)]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=cfg["lr"])
    schedule = get_scheduler(cfg["scheduler"], optimizer, cfg["warmup_steps"], len(batches))
    log, gradients = [], {}
    for step, parts in enumerate(batches):
        loss = 0.0
        for part in parts:
            mean = model(**part).loss / len(parts)
            mean.backward()
            loss += float(mean)
        if step in (0, 2):
            gradients |= {f"step{step}.{key(n)}": p.grad.clone() for n, p in named.items()}
        norm = float(torch.nn.utils.clip_grad_norm_(named.values(), cfg["max_grad_norm"]))
        optimizer.step(), schedule.step(), optimizer.zero_grad()
        log.append({"loss": loss, "grad_norm": norm})
    return log, gradients


def save(path, tensors):
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, str(path))


def run(name, models, out, seed, steps):
    base, kind, labels, changes = CASES[name]
    cfg = TRAIN | changes
    rng = random.Random(f"{seed}-{name}")
    torch.manual_seed(seed)
    words = kind == "token"
    config = AutoConfig.from_pretrained(models / base, num_labels=labels, pad_token_id=0)
    config.classifier_dropout = 0.0  # as an argument it is dropped, and a tenth of the hidden states with it
    config.problem_type = {"multi": "multi_label_classification", "regression": "regression"}.get(kind)
    load = AutoModelForTokenClassification if words else AutoModelForSequenceClassification
    model = load.from_pretrained(models / base, config=config, dtype=torch.float32, attn_implementation="eager")
    batches = [[batch(rng, config.vocab_size, kind, labels, cfg) for _ in range(cfg["accum"])] for _ in range(steps)]
    held_out = batch(rng, config.vocab_size, kind, labels, cfg)
    lora = LoraConfig(r=2, lora_alpha=4, lora_dropout=0.0, target_modules=LINEARS, task_type="TOKEN_CLS" if words else "SEQ_CLS")
    model = get_peft_model(model, lora)
    model.peft_config["default"].base_model_name_or_path = base
    model.train()
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {k: v for k, v in held_out.items() if k != "labels"}
    logits = {"init": model(**inputs).logits}
    model.save_pretrained(folder / "init")
    log, gradients = train(model, batches, cfg)
    logits["final"] = model(**inputs).logits
    model.save_pretrained(folder / "final")
    for sub in ("init", "final"):
        (folder / sub / "README.md").unlink(missing_ok=True)
    (folder / "final" / "adapter_config.json").unlink()
    flat = {f"step{s}.micro{m}.{k}": v for s, parts in enumerate(batches) for m, part in enumerate(parts) for k, v in part.items()}
    save(folder / "batches.safetensors", flat | {f"eval.{k}": v for k, v in held_out.items()})
    save(folder / "eval_logits.safetensors", logits)
    if name in ("seqcls-3", "tokcls-5"):
        save(folder / "grads.safetensors", gradients)
    case = {"model": base, "kind": kind, "num_labels": labels, "train": cfg, "steps": log}
    (folder / "case.json").write_text(json.dumps(case, indent=1, sort_keys=True) + "\n")
    print(f"{name}: loss {log[0]['loss']:.5f} to {log[-1]['loss']:.5f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in CASES:
        if arguments.only in name:
            run(name, arguments.models, arguments.out, arguments.seed, arguments.steps)


main()
