"""Prints the table of docs/forgetting.md from the runs below a folder.

usage: table.py FOLDER
"""
import json, pathlib, sys

ORDER = ["lora", "qlora", "replay", "kl", "replay-kl", "frozen", "limit", "all"]
SAYS = {
    "lora": "plain LoRA",
    "qlora": "plain QLoRA",
    "replay": "LoRA, `replayShare: 0.25`",
    "kl": "LoRA, `klWeight: 1`",
    "replay-kl": "LoRA, `replayShare: 0.25`, `klWeight: 1`",
    "frozen": "LoRA, `frozenLayers: 15` of 30",
    "limit": "LoRA, `maxLossIncrease: 0.05`, `onExceeded: stop`",
    "all": "LoRA, replay, KL and `onExceeded: select`",
}


def delivered(work, name):
    heads = sorted((work / "runs").glob(f"*/{name}/*/head.json"), key=lambda p: p.stat().st_mtime)
    head = json.loads(heads[-1].read_text()) if heads else {}
    return head.get("delivered")


def main():
    work = pathlib.Path(sys.argv[1])
    rows = {name: delivered(work, name) for name in ORDER}
    plain = rows["lora"]
    print("| configuration | step | task loss before | after | gain | of plain LoRA's | general loss before | after | growth | of plain LoRA's |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")

    def numbers(d):
        b, a = d["before"], d["after"]
        return b["loss"] - a["loss"], a["generalLoss"] - b["generalLoss"]

    for name, d in rows.items():
        if d is None:
            print(f"| {SAYS[name]} | not run | | | | | | | | |")
            continue
        gain, growth = numbers(d)
        share = ["", ""]
        if plain and name != "lora":
            full, grown = numbers(plain)
            share = [f"{100 * gain / full:.0f} %", f"{100 * growth / grown:.0f} %"]
        b, a = d["before"], d["after"]
        print(
            f"| {SAYS[name]} | {d.get('adapterStep', d['steps'])} | {b['loss']:.4f} | {a['loss']:.4f} | {gain:.4f} | {share[0]} "
            f"| {b['generalLoss']:.4f} | {a['generalLoss']:.4f} | {growth:+.4f} | {share[1]} |"
        )


main()
