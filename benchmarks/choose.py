"""Try settings of a peer on a part of the training rows.

    python benchmarks/choose.py "Cornac MF" bundled k=10,20 lambda_reg=0.02,0.05

Every combination is fitted to four fifths of the training rows and measured on the rest. Settings
not named are those of peers/NAME.py. Appends what it found to results/choices.md, best first.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import data_sets
from compare import HERE, PEERS, Run
from run_peer import load_peer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("variant", help="its name in the table")
    parser.add_argument("data_set")
    parser.add_argument("grid", nargs="+", metavar="setting=value,value")
    parser.add_argument("--ml-100k", type=Path, help="folder with u1.base ... of MovieLens 100K")
    arguments = parser.parse_args()
    name = data_sets.parts(arguments.data_set)[0]
    folder = data_sets.folder_of(name + data_sets.INNER, arguments.ml_100k)
    peer, given = next(
        (peer, settings)
        for peer in PEERS
        for variant, settings in load_peer(peer).variants(arguments.data_set).items()
        if variant == arguments.variant
    )
    grid = [one.partition("=")[::2] for one in arguments.grid]
    values = [[_value(text) for text in texts.split(",")] for _, texts in grid]
    found = []
    for combination in itertools.product(*values):
        change = dict(zip([setting for setting, _ in grid], combination, strict=True))
        run = Run(peer, str(change), given | change, folder, 0)
        result = run.result() or run.measure()
        if result is None:
            continue
        found.append((result["mse"] ** 0.5, result["cpu_seconds"], change))
        print(f"{found[-1][0]:.4f} {found[-1][1]:8.2f} CPU s  {change}", flush=True)
    lines = [f"\n## {arguments.variant}, {name}\n", "| settings | RMSE | CPU seconds |"]
    lines.append("|---|---:|---:|")
    for rmse, seconds, change in sorted(found, key=lambda one: one[0]):
        told = ", ".join(f"{setting}={value!r}" for setting, value in change.items())
        lines.append(f"| `{told}` | {rmse:.4f} | {seconds:.2f} |")
    file = HERE / "results" / "choices.md"
    title = "# Settings of peers, chosen on a fifth of the training rows\n"
    before = file.read_text(encoding="utf-8") if file.exists() else title
    file.write_text(before + "\n".join(lines) + "\n", encoding="utf-8")


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


if __name__ == "__main__":
    main()
