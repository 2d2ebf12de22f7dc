#!/usr/bin/env python3
"""Logits of SmolLM2-135M-Instruct, as its Q4_1 GGUF holds it, for prompts of our own: float32, eager attention, CPU.

usage: make_smollm2_logits.py MODEL_DIR GOLDENS_DIR [--seed 3]
MODEL_DIR is the GGUF file dequantized to a Hugging Face folder in float32. Needs torch 2.7.1 and transformers 4.57.6.
Writes smollm2/logits.json (prompts, token ids, versions) and smollm2/logits.safetensors, for prompt K:

  K.places (p)             some places of the prompt, the last one among them
  K.columns (64)           tokens drawn at random
  K.logits (p, 64)         logits of these tokens at these places
  K.top (p, 10), K.top_logits (p, 10)   the likeliest tokens and their logits
  K.lse (p)                log of the sum of the exponentials of all 49,152 logits
  K.nll (tokens - 1)       negative log-likelihood of every token of the prompt after the first
"""
import argparse, json, pathlib
import torch, transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

ESSAY = """A lighthouse keeper once explained to a visitor why the lamp is never turned off in clear weather. The sea, he said, does not
ask whether you are ready. A fog bank can roll in within ten minutes, and a lamp takes longer than that to warm up, to be wound,
and to be trusted again. So the light burns through calm nights as well, when nobody seems to need it, and the log book is filled
with lines that say nothing happened.

The visitor thought about the machines in her own workshop. There were 14 of them, bought between 1987 and 2003, and each had a
habit of failing on the first cold Monday of the year. She had always repaired them after they broke. It had never occurred to her
to keep them warm over the weekend, because an idle machine that uses power looks like waste on an invoice. On the ferry back she
took out a pencil and made a short table: the price of heating one room for 48 hours, the price of one lost morning, and how often
it had happened in the last five winters. The table had three rows, and the third row settled the question.

When she returned to the lighthouse the following summer, she brought the keeper a thermometer as a present. He hung it beside the
door, next to the barometer, and wrote down the temperature every evening from then on. Nobody had asked him to. Years later a
student of the weather found the log books and was surprised by how complete they were"""
PROMPTS = [
    "The old bridge over the river was closed in spring because",
    "def moving_average(values, window):\n    total = 0.0\n    for i, value in enumerate(values):\n        total += value\n        if i >= window:\n            total -=",
    "Invoice 2024-0317: 3 x 19.90 = 59.70, 12 x 4.25 = 51.00, shipping 7.50, total",
    "<|im_start|>user\nWhich of these is a prime number: 21, 27, 29 or 33?<|im_end|>\n<|im_start|>assistant\n",
    ESSAY,
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=3)
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="eager").eval()
    tensors, prompts = {}, []
    for k, prompt in enumerate(PROMPTS):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(ids).logits[0]
        count = ids.shape[1]
        places = torch.tensor(sorted({0, 1, count // 2, count - 1}))
        columns = torch.randperm(logits.shape[1])[:64].sort().values
        top = logits[places].topk(10)
        nll = -torch.log_softmax(logits[:-1], -1).gather(-1, ids[0, 1:, None])[:, 0]
        tensors |= {f"{k}.places": places, f"{k}.columns": columns, f"{k}.logits": logits[places][:, columns].contiguous(),
                    f"{k}.top": top.indices, f"{k}.top_logits": top.values, f"{k}.lse": logits[places].logsumexp(-1), f"{k}.nll": nll}
        prompts.append({"prompt": prompt, "ids": ids[0].tolist()})
    out = a.out / "smollm2"
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / "logits.safetensors", metadata={"format": "pt"})
    text = json.dumps({"versions": {"torch": torch.__version__, "transformers": transformers.__version__}, "prompts": prompts}, indent=1)
    (out / "logits.json").write_text(text + "\n")


main()
