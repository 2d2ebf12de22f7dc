"""Exits with 1, telling why, unless this Python has the packages of requirements.txt in exactly these versions."""
import importlib.metadata
import pathlib
import sys

wrong = []
for line in (pathlib.Path(__file__).parent / "requirements.txt").read_text().split():
    name, wanted = line.split("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = "nothing"
    if found.split("+")[0] != wanted:
        wrong.append(f"{name}: wanted {wanted}, found {found}")
if wrong:
    sys.exit("\n".join(wrong))
