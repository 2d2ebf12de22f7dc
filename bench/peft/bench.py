"""Trains an adapter with PEFT in one configuration and prints what was measured, as a JSON line.

usage: bench.py --configuration NAME --model FOLDER --data FILE [--repetition 1] [--threads 2] [--warmup 5] [--measure 5]

LoRA of rank 16 and alpha 32 on all linear layers, AdamW at 1e-4, gradients clipped at 1, no accumulation.
bf16: base weights in bfloat16, torch.autocast, adapters and optimizer in float32, as transformers.Trainer does it.
qlora: bitsandbytes NF4 with double quantization. 4-rows: each row at its own length, padded to the longest.
The fields of the line are explained in Measurement.java.
"""
import argparse
import array
import hashlib
import json
import os
import pathlib
import sys
import time
import zlib

SEQUENCE = 512
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
IGNORED = -100


def seconds_since_start():
    fields = pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    return uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def peak_mebibytes():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def alpaca_rows(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def encode(tokenizer, row):
    question = row["instruction"] + ("\n\n" + row["input"] if row.get("input") else "")
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True)
    answer = tokenizer(row["output"]).input_ids + [tokenizer.eos_token_id]
    return prompt + answer, [IGNORED] * len(prompt) + answer


def steps_of(rows, tokenizer, shape, steps):
    """Returns, for each step, the (ids, labels) of its sequences."""
    sequences = 1 if shape == "1x512" else 4
    wanted = steps * sequences
    if shape == "4-rows":
        encoded = [encode(tokenizer, row) for row in rows[:wanted]]
        all_sequences = [(ids[:SEQUENCE], labels[:SEQUENCE]) for ids, labels in encoded]
    else:
        ids, labels = [], []
        for row in rows:
            if len(ids) >= wanted * SEQUENCE:
                break
            more_ids, more_labels = encode(tokenizer, row)
            ids += more_ids
            labels += more_labels
        cuts = [slice(start, start + SEQUENCE) for start in range(0, len(ids) - SEQUENCE + 1, SEQUENCE)]
        all_sequences = [(ids[cut], labels[cut]) for cut in cuts]
    if len(all_sequences) < wanted:
        raise SystemExit(f"expected rows for {wanted} sequences, found {len(all_sequences)}")
    return [all_sequences[i : i + sequences] for i in range(0, wanted, sequences)]


def digest(steps):
    sha256 = hashlib.sha256()
    for step in steps:
        for ids, labels in step:
            numbers = array.array("i", [len(ids), *ids, *labels])
            if sys.byteorder == "big":
                numbers.byteswap()
            sha256.update(numbers.tobytes())
    return sha256.hexdigest()


def mix(numpy, bits):
    bits = (bits ^ (bits >> 16)) * numpy.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> 15)) * numpy.uint32(0x846CA68B)
    return bits ^ (bits >> 16)


def set_fixed_adapter(model):
    """Overwrites A by the formula that is explained in FixedAdapter.java; B is zero already."""
    import numpy
    import torch

    prefix, suffix = "base_model.model.", ".lora_A.default.weight"
    for name, parameter in model.named_parameters():
        if not name.endswith(suffix):
            continue
        key = zlib.crc32(name.removeprefix(prefix).removesuffix(suffix).encode())
        places = numpy.arange(parameter.numel(), dtype=numpy.uint64) * 0x9E3779B9 + key
        bits = mix(numpy, places.astype(numpy.uint32)) >> 8
        uniform = bits.astype(numpy.float32) * numpy.float32(2.0**-23) - numpy.float32(1)
        values = uniform * numpy.float32(1 / numpy.sqrt(parameter.shape[1]))
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values).view_as(parameter))


def load(folder, method, dtype):
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    options = {}
    if method == "qlora":
        quantization = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype)
        options = {"device_map": {"": "cpu"}, "quantization_config": quantization}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **options)
    if method == "qlora":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    model.config.use_cache = False
    model.train()
    return model


def padded(step, pad):
    import torch

    longest = max(len(ids) for ids, _ in step)
    ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in step])
    labels = torch.tensor([labels + [IGNORED] * (longest - len(labels)) for _, labels in step])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in step])
    return ids, labels, mask


def train(model, steps, pad, bfloat16, warmup):
    import torch

    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0)
    measured = {"stepSeconds": [], "losses": []}
    supervised = []
    for number, step in enumerate(steps):
        if number == warmup:
            cpu = time.process_time()
        start = time.perf_counter()
        ids, labels, mask = padded(step, pad)
        # Labels are shifted: what stands first in a sequence is never learned.
        learned = (labels[:, 1:] != IGNORED).sum()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = model(input_ids=ids, attention_mask=mask, labels=labels, num_items_in_batch=learned).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        measured["losses"].append(loss.item())
        measured["stepSeconds"].append(time.perf_counter() - start)
        supervised.append(int(learned))
        if number == 0:
            measured["secondsToFirstStep"] = seconds_since_start()
            measured["cpuSecondsToFirstStep"] = time.process_time()
    tokens = [sum(len(ids) for ids, _ in step) for step in steps]
    elapsed = sum(measured["stepSeconds"][warmup:])
    return measured | {
        "cpuUse": (time.process_time() - cpu) / elapsed,
        "tokensPerStep": tokens,
        "tokensPerSecond": sum(tokens[warmup:]) / elapsed,
        "supervisedTokensPerSecond": sum(supervised[warmup:]) / elapsed,
    }


def measure(arguments):
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import peft
    import torch
    import transformers
    from transformers import AutoTokenizer

    torch.set_num_threads(arguments.threads)
    method, precision, shape = arguments.configuration.split("-", 2)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = load(arguments.model, method, dtype)
    set_fixed_adapter(model)
    steps = steps_of(alpaca_rows(arguments.data), tokenizer, shape, arguments.warmup + arguments.measure)
    result = train(model, steps, tokenizer.pad_token_id, precision == "bf16", arguments.warmup)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    if method == "qlora":
        import bitsandbytes

        versions["bitsandbytes"] = bitsandbytes.__version__
    return result | {
        "threads": arguments.threads,
        "warmupSteps": arguments.warmup,
        "rowsDigest": digest(steps),
        "versions": versions,
        "peakMebibytes": peak_mebibytes(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--repetition", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--measure", type=int, default=5)
    arguments = parser.parse_args()
    line = {"side": "theirs", "configuration": arguments.configuration, "repetition": arguments.repetition}
    print(json.dumps(line | {"result": measure(arguments)}), flush=True)


if __name__ == "__main__":
    main()
