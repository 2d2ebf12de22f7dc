#!/usr/bin/env python3
"""Label smoothing and NEFTune noise as transformers computes them.

usage: make_label_smoothing.py GOLDENS_DIR [--seed 5] [--tokens 23] [--width 13] [--vocabulary 41]
Needs torch 2.7.1, transformers 4.57.6 and safetensors. Writes loss/label-smoothing.safetensors:

  hidden (rows, tokens, width), norm (width), head (vocabulary, width), labels (rows, tokens)
  smoothing (cases), objective (cases)      LabelSmoother on the logits of norm and head, shifted
  nll (cases)                               the same with smoothing 0
  gradient.K (rows, tokens, width)          autograd's gradient of objective K to hidden
  neftune (cases, 5)                        alpha, length, width; largest magnitude and deviation of
                                            what neftune_post_forward_hook adds to zeros
"""
import argparse, pathlib, types
import torch
from safetensors.torch import save_file
from transformers.trainer_pt_utils import LabelSmoother
from transformers.trainer_utils import neftune_post_forward_hook

EPSILON = 1e-5


def logits(hidden, norm, head):
    return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + EPSILON) * norm @ head.T


def noise(alpha, length, width):
    module = types.SimpleNamespace(training=True, neftune_noise_alpha=alpha)
    added = torch.cat([neftune_post_forward_hook(module, None, torch.zeros(1, length, width)).flatten() for _ in range(200)])
    return [alpha, length, width, added.abs().max().item(), added.std().item()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=23)
    parser.add_argument("--width", type=int, default=13)
    parser.add_argument("--vocabulary", type=int, default=41)
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    rows = 2
    hidden = torch.randn(rows, a.tokens, a.width)
    norm = 1 + 0.1 * torch.randn(a.width)
    head = torch.randn(a.vocabulary, a.width)
    labels = torch.randint(a.vocabulary, (rows, a.tokens))
    labels[torch.rand(rows, a.tokens) < 0.3] = -100
    labels[:, -1] = 0
    smoothing = [0.1, 0.5, 0.01]
    tensors = {"hidden": hidden, "norm": norm, "head": head, "labels": labels, "smoothing": torch.tensor(smoothing)}
    objectives = []
    for k, epsilon in enumerate(smoothing):
        x = hidden.clone().requires_grad_()
        objective = LabelSmoother(epsilon=epsilon)({"logits": logits(x, norm, head)}, labels, shift_labels=True)
        objective.backward()
        objectives.append(objective.item())
        tensors[f"gradient.{k}"] = x.grad
    tensors["objective"] = torch.tensor(objectives)
    plain = LabelSmoother(epsilon=0.0)({"logits": logits(hidden, norm, head)}, labels, shift_labels=True)
    tensors["nll"] = plain.repeat(len(smoothing))
    tensors["neftune"] = torch.tensor([noise(5.0, 40, 64), noise(15.0, 7, 33)])
    (a.out / "loss").mkdir(parents=True, exist_ok=True)
    save_file(tensors, a.out / "loss/label-smoothing.safetensors", metadata={"format": "pt"})


main()
