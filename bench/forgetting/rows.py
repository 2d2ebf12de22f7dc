"""Writes train.jsonl and eval.jsonl of a task.

usage: rows.py kubernetes|backwards FOLDER_OF_EXAMPLES FOLDER
"""
import json, pathlib, sys

LETTERS = 100


def backwards(row):
    text = row["output"][:LETTERS].strip()
    return {"instruction": "Write this backwards, letter by letter.", "input": text, "output": text[::-1]}


def main():
    task, examples, out = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    if task not in ("kubernetes", "backwards"):
        sys.exit(f"bench/forgetting/run: --task must be kubernetes or backwards, was {task}")
    for name in ("train", "eval"):
        rows = [json.loads(line) for line in (examples / f"kubernetes-{name}.jsonl").read_text().splitlines()]
        if task == "backwards":
            rows = list({row["output"]: row for row in map(backwards, rows)}.values())
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


main()
