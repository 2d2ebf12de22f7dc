"""Writes the Parquet files that the reader of rows is tested with, and what is in them, as pyarrow reads it.

    python bench/goldens/parquet_rows.py trainer-image/src/test/resources/goldens/parquet
"""

import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("label", pa.int64()),
        ("score", pa.float64()),
        ("good", pa.bool_()),
        ("input_ids", pa.list_(pa.int32())),
        ("messages", pa.list_(TURN)),
        ("raw", pa.binary()),
        ("kind", pa.dictionary(pa.int32(), pa.string())),
    ]
)


def row(n):
    return {
        "text": None if n == 3 else f"Zeile {n}: café 🙂\n" + "x" * (n % 7),
        "label": n - 2,
        "score": n / 4,
        "good": n % 2 == 0,
        "input_ids": list(range(n % 5)),
        "messages": [
            {"role": "user", "content": f"question {n}"},
            {"role": "assistant", "content": None if n == 4 else f"answer {n}"},
        ]
        if n % 3
        else [],
        "raw": f"bytes {n}".encode(),
        "kind": ["spam", "ham"][n % 2],
    }


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row(n) for n in range(12)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    for codec in ["snappy", "zstd", "gzip", "none", "brotli"]:
        # Groups of 5 rows: so that one ends in the middle.
        pq.write_table(table, folder / f"{codec}.parquet", compression=codec, row_group_size=5, store_schema=False)
    for r in rows:
        r["raw"] = r["raw"].decode()
    text = "\n".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in rows) + "\n"
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")


main(pathlib.Path(sys.argv[1]))
