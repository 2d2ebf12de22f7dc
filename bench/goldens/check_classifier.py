#!/usr/bin/env python3
"""Compares what `trainer classify` says with transformers and PEFT on the same adapter.

usage: trainer classify --model MODEL --adapter ADAPTER --data TEXTS > SAID
       check_classifier.py MODEL ADAPTER TEXTS SAID
TEXTS has a text on each line, SAID what the trainer printed of them. Prints the largest difference of
a probability and fails if it is above 1e-4 or a label differs.
"""
import json, os, pathlib, sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

model_folder, adapter, texts, said = map(pathlib.Path, sys.argv[1:5])
words = json.loads((adapter / "adapter_config.json").read_text())["task_type"] == "TOKEN_CLS"
labels = json.loads((adapter / "labels.json").read_text())
labels["id2label"] = {int(i): name for i, name in labels["id2label"].items()}
load = AutoModelForTokenClassification if words else AutoModelForSequenceClassification
base = load.from_pretrained(model_folder, dtype=torch.float32, **labels)
tokenizer = AutoTokenizer.from_pretrained(model_folder)
base.config.pad_token_id = tokenizer.pad_token_id
model = PeftModel.from_pretrained(base, adapter).eval()

expected = []
for line in texts.read_text().splitlines():
    encoded = tokenizer(line, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    encoded.pop("token_type_ids", None)
    with torch.no_grad():
        probabilities = model(**encoded).logits[0].softmax(-1)
    if not words:
        probabilities = probabilities[None]
    else:  # the first token of each word
        ends, at = [], 0
        for word in line.split(" "):
            at += len(word)
            ends.append(at)
            at += 1
        of = [next((w for w, end in enumerate(ends) if end > start), None) if line[start:stop].strip() else None for start, stop in offsets]
        probabilities = probabilities[[of.index(w) for w in range(len(ends))]]
    expected += [(labels["id2label"][int(row.argmax())], float(row.max())) for row in probabilities]

answers = [json.loads(line) for line in said.read_text().splitlines()]
assert len(answers) == len(expected), (len(answers), len(expected))
assert [a["label"] for a in answers] == [label for label, _ in expected]
largest = max(abs(a["probability"] - p) for a, (_, p) in zip(answers, expected))
print(f"{len(answers)} answers, labels equal, largest difference of a probability {largest:.2e}")
sys.exit(largest > 1e-4)
