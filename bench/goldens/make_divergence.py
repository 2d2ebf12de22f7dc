#!/usr/bin/env python3
"""KL divergence from a base model, and its gradients, as torch's autograd gives them.

usage: make_divergence.py GOLDENS_DIR [--seed 11] [--tokens 29] [--width 13] [--vocabulary 41] [--rank 3]
Needs torch and safetensors. Writes loss/divergence.safetensors, all in double precision before they are stored:

  hidden, base (tokens, width)           hidden states of the tuned and of the base model
  norm, baseNorm (width)                 weights of the last norm of both
  head, baseHead (vocabulary, width)     their output layers
  a (rank, width), b (vocabulary, rank)  low-rank update of the tuned output layer; scaling is 2
  rows (n)                               the places that count
  kl (n)                                 KL(base || tuned) at each, nats
  gradient.NAME                          autograd's gradient of 0.125 times their sum
"""
import argparse, pathlib
import torch
from safetensors.torch import save_file

EPSILON, SCALE, SCALING = 1e-5, 0.125, 2.0


def normed(hidden, norm):
    return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + EPSILON) * norm


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--tokens", type=int, default=29)
    parser.add_argument("--width", type=int, default=13)
    parser.add_argument("--vocabulary", type=int, default=41)
    parser.add_argument("--rank", type=int, default=3)
    o = parser.parse_args()
    torch.manual_seed(o.seed)

    def normal(*shape):
        # What is stored has 32 bits; the numbers are computed from just that.
        return torch.randn(*shape).double()

    t = {
        "hidden": normal(o.tokens, o.width),
        "norm": 1 + (0.1 * normal(o.width)).float().double(),
        "head": normal(o.vocabulary, o.width),
        "a": normal(o.rank, o.width),
        "b": normal(o.vocabulary, o.rank),
    }
    base = {"base": normal(o.tokens, o.width), "baseNorm": 1 + (0.1 * normal(o.width)).float().double(), "baseHead": normal(o.vocabulary, o.width)}
    t["norm"], base["baseNorm"] = t["norm"].float().double(), base["baseNorm"].float().double()
    rows = torch.arange(1, o.tokens, 2)
    for tensor in t.values():
        tensor.requires_grad_()
    h = normed(t["hidden"], t["norm"])[rows]
    q = torch.log_softmax(h @ t["head"].T + SCALING * h @ t["a"].T @ t["b"].T, -1)
    p = torch.log_softmax(normed(base["base"], base["baseNorm"])[rows] @ base["baseHead"].T, -1)
    kl = torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    (SCALE * kl.sum()).backward()
    tensors = {**{k: v.detach() for k, v in t.items()}, **base, "kl": kl.detach()}
    tensors.update({f"gradient.{k}": v.grad for k, v in t.items()})
    tensors = {k: v.float().contiguous() for k, v in tensors.items()} | {"rows": rows}
    (o.out / "loss").mkdir(parents=True, exist_ok=True)
    save_file(tensors, o.out / "loss/divergence.safetensors", metadata={"format": "pt"})


main()
