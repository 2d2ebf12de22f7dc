"""Writes ../resources/optimizers: what torch, transformers, peft and bitsandbytes make of optimizers.

  cases.json           the tensors, and of each case its optimizer, constants and rates
  <case>.safetensors   parameters and optimizer state after the last step, by tensor
  rates.json           rates of schedules that transformers' get_scheduler does not reach

Parameters and gradients are not stored: they are functions of place, step and tensor (see `numbers`)
that are exact in float32. Tensors have odd and even sizes around the limits of 8-bit states.

Made with torch 2.7.1, transformers 4.57.6, peft 0.18.1 and bitsandbytes 0.49.2 (and
triton, which is only imported), on a CPU with one thread. bitsandbytes steps 8-bit states on GPUs only; the reference is the step in plain torch that it
ships beside its GPU kernels, and its CPU kernel for the tensors that are too small for 8 bits.

Usage: python make_optimizers.py
"""

import json
import os
from pathlib import Path

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import torch
from bitsandbytes.functional import create_dynamic_map
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file
from transformers.optimization import Adafactor, get_inverse_sqrt_schedule

OUT = Path(__file__).resolve().parent.parent / "resources" / "optimizers"
STEPS = 12
SECTIONS = [
    ("one.lora_A", "A", (3, 7)),
    ("one.lora_B", "B", (5, 3)),
    ("two.lora_A", "A", (16, 300)),
    ("two.lora_B", "B", (512, 8)),
    ("two.magnitude", "vector", (33,)),
    ("three.lora_A", "A", (1, 6)),
    ("three.lora_B", "B", (9, 1)),
    ("three.magnitude", "vector", (4101,)),
    ("whole", "matrix", (67, 65)),
]


def numbers(count, section, step):
    i = torch.arange(count, dtype=torch.int64)
    places = (i * 7919 + step * 104729 + section * 31337 + 17) % 2003
    exponents = (i * 31 + step * 17 + section * 7) % 9
    values = (places - 1001).float() / 1024 * torch.pow(2.0, -exponents.float())
    return values * (places % 5 != 0)


def initial(section):
    _, _, shape = SECTIONS[section]
    return (numbers(torch.Size(shape).numel(), section, 997) / 8).reshape(shape)


def gradient(section, step):
    _, _, shape = SECTIONS[section]
    # As A's gradient is while B is zero.
    quiet = section == 2 and step <= 3
    return (numbers(torch.Size(shape).numel(), section, 0 if quiet else step) * (not quiet)).reshape(shape)


def rates(peak):
    return [peak * min(1.0, step / 4) for step in range(STEPS)]


class Tensors(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for index, (name, _, _) in enumerate(SECTIONS):
            self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(initial(index)))


def by_class(case, make, state_names):
    model = Tensors()
    optimizer = make(model)
    bases = [group["lr"] for group in optimizer.param_groups]
    for step, rate in enumerate(case["rates"], 1):
        for group, base in zip(optimizer.param_groups, bases):
            group["lr"] = base * (rate / case["peak"])
        for index, parameter in enumerate(model.parameters()):
            parameter.grad = gradient(index, step) * case["clip"]
        optimizer.step()
    tensors = {}
    for (name, _, _), parameter in zip(SECTIONS, model.parameters()):
        tensors[f"{name}.parameter"] = parameter.data
        for state in state_names:
            value = optimizer.state[parameter].get(state)
            if value is not None:
                tensors[f"{name}.{state}"] = value
    return tensors


def eight_bit(case):
    from bitsandbytes.backends.triton import kernels_optim

    signed, unsigned = create_dynamic_map(True), create_dynamic_map(False)
    beta1, beta2, epsilon, decay = case["beta1"], case["beta2"], case["epsilon"], case["weightDecay"]
    tensors = {}
    for index, (name, _, shape) in enumerate(SECTIONS):
        p = initial(index)
        large = p.numel() >= 4096
        kind = torch.uint8 if large else torch.float32
        m, v = torch.zeros(shape, dtype=kind), torch.zeros(shape, dtype=kind)
        absmax1, absmax2 = (torch.zeros((p.numel() + 255) // 256) for _ in range(2))
        for step, rate in enumerate(case["rates"], 1):
            g = gradient(index, step) * case["clip"]
            if large:
                kernels_optim.optimizer_update_8bit_blockwise_pytorch(
                    p, g, m, v, beta1, beta2, 0.0, 0.0, epsilon, step, rate, signed, unsigned,
                    absmax1, absmax2, decay, 1.0, False, optimizer_name="adam")
            else:
                torch.ops.bitsandbytes.optimizer_update_32bit(
                    "adam", g, p, m, v, None, 0.0, 0.0, beta1, beta2, 0.0, 0.0, epsilon, decay, step, rate, 1.0)
        tensors[f"{name}.parameter"] = p
        tensors[f"{name}.exp_avg"], tensors[f"{name}.exp_avg_sq"] = m, v
        if large:
            tensors[f"{name}.exp_avg.absmax"], tensors[f"{name}.exp_avg_sq.absmax"] = absmax1, absmax2
    tensors["signed_map"], tensors["unsigned_map"] = signed, unsigned
    return tensors


def case(name, optimizer, peak, **more):
    defaults = {"clip": 1.0, "weightDecay": 0.0, "ratio": 1.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "momentum": 0.0}
    return {"name": name, "optimizer": optimizer, "peak": peak, "rates": rates(peak), **defaults, **more}


def adamw(c):
    return by_class(
        c,
        lambda model: torch.optim.AdamW(
            model.parameters(), lr=c["peak"], betas=(c["beta1"], c["beta2"]), eps=c["epsilon"],
            weight_decay=c["weightDecay"], foreach=False, fused=False),
        ["exp_avg", "exp_avg_sq"])


def loraplus(c):
    return by_class(
        c,
        lambda model: create_loraplus_optimizer(
            model, torch.optim.AdamW, lr=c["peak"], loraplus_lr_ratio=c["ratio"],
            loraplus_weight_decay=c["weightDecay"], betas=(c["beta1"], c["beta2"]), eps=c["epsilon"]),
        ["exp_avg", "exp_avg_sq"])


def sgd(c):
    return by_class(
        c,
        lambda model: torch.optim.SGD(
            model.parameters(), lr=c["peak"], momentum=c["momentum"], weight_decay=c["weightDecay"], foreach=False),
        ["momentum_buffer"])


def adafactor(c):
    return by_class(
        c,
        lambda model: Adafactor(
            model.parameters(), lr=c["peak"], weight_decay=c["weightDecay"], scale_parameter=False,
            relative_step=False, warmup_init=False),
        ["exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq"])


def inverse_square_roots():
    cases = []
    for warmup, timescale in ((0, 7), (4, 20), (10, 3)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
        scheduler = get_inverse_sqrt_schedule(optimizer, warmup, timescale)
        seen = []
        for _ in range(25):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        cases.append({"scheduler": "inverse_sqrt", "base_lr": 2e-4, "kwargs": {"timescale": timescale},
                      "steps": 20, "warmup_steps": warmup, "lr": seen})
    return cases


def plateaus():
    losses = [3.0, 2.9, 2.95, 2.9, 2.9, 2.0, 1.999, 1.998, 2.0, 2.0, 2.1, 2.0, 1.5, 1.49, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6]
    cases = []
    for kwargs in (
        {"factor": 0.5, "patience": 1, "threshold": 0.01},
        {"factor": 0.2, "patience": 0, "cooldown": 2},
        {"factor": 0.1, "patience": 1, "cooldown": 1, "min_lr": 3e-6},
        {"factor": 0.5, "patience": 0, "min_lr": 0.0},
    ):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=1e-4)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **kwargs)
        seen = []
        for loss in losses:
            scheduler.step(loss)
            seen.append(optimizer.param_groups[0]["lr"])
        cases.append({"scheduler": "reduce_lr_on_plateau", "base_lr": 1e-4, "kwargs": kwargs,
                      "metrics": losses, "lr_after_each_metric": seen})
    return cases


def main():
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    cases = [
        (case("adamw", "AdamW", 1e-3, beta1=0.8, beta2=0.95, epsilon=1e-6, weightDecay=0.1, clip=0.5), adamw),
        (case("adamw-loraplus", "AdamW", 1e-3, weightDecay=0.02, ratio=16.0), loraplus),
        (case("sgd", "SGD", 1e-2, weightDecay=0.05), sgd),
        (case("sgd-momentum", "SGD", 1e-2, momentum=0.9, weightDecay=0.05, clip=0.25), sgd),
        (case("adafactor", "Adafactor", 1e-2, weightDecay=0.1, clip=0.5), adafactor),
        (case("adamw8bit", "AdamW8bit", 1e-3, weightDecay=0.05, clip=0.5), eight_bit),
    ]
    for c, run in cases:
        tensors = {name: value.contiguous() for name, value in run(c).items()}
        file = OUT / f"{c['name']}.safetensors"
        save_file(tensors, file, metadata={"format": "pt"})
        file.chmod(0o644)
    sections = [{"name": n, "kind": k, "shape": list(s)} for n, k, s in SECTIONS]
    (OUT / "cases.json").write_text(json.dumps({"sections": sections, "cases": [c for c, _ in cases]}, indent=1) + "\n")
    (OUT / "rates.json").write_text(json.dumps({"cases": inverse_square_roots() + plateaus()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
