"""Measure the programs, each in a process of its own, and draw the table.

`suite.py` is the door: it sets threads and the core before anything is loaded.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from benchmarks.columns import RIVALS
from benchmarks.programs import PROGRAMS

Row = dict[str, Any]
HOURGLASS = 900  # seconds for all of one program


def ask(*arguments: str) -> Row:
    """Return what a process of its own, with empty caches, measures."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "SRCGRAD_CACHE_DIR": cache}
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.measure"]
        try:
            done = subprocess.run(
                [*command, *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
                timeout=HOURGLASS,
            )
        except subprocess.SubprocessError as error:
            return {"failed": type(error).__name__}
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def summarised(measured: Row) -> Row:
    """Return the figures of one row: milliseconds, ratios, compile seconds, notes."""
    row: Row = {"name": measured["name"], "stencil": measured["stencil"], "notes": {}}
    best: dict[str, Row] = {}
    for record in measured["columns"]:
        name = record["column"]
        if "ms" not in record:
            row["notes"][f"{name} {record['text']}".strip()] = record["note"]
        elif name not in best or record["ms"] < best[name]["ms"]:
            best[name] = record
    row["notes"].update(measured["missing"])
    row["ms"] = {name: record["ms"] for name, record in best.items()}
    row["compile_s"] = {name: record["compile_s"] for name, record in best.items()}
    row["text"] = {name: r["text"] for name, r in best.items() if r["text"]}
    spent = row["ms"]
    primals = [spent[name] for name in ("njit", "value") if name in spent]
    if primals:
        spent["primal"] = min(primals)
    gradient = spent.get("gradient")
    if gradient is None:
        return row
    rivals = {name: spent[name] for name in RIVALS if name in spent}
    if primals:
        row["to_primal"] = gradient / spent["primal"]
    if "hand" in spent:
        row["to_hand"] = gradient / spent["hand"]
        row["compile_to_hand"] = row["compile_s"]["gradient"] / max(
            row["compile_s"]["hand"], 1e-3
        )
    if rivals:
        row["rival"] = min(rivals, key=lambda name: rivals[name])
        row["rival_to"] = rivals[row["rival"]] / gradient
    if "jax" in spent:
        row["jax_to"] = spent["jax"] / gradient
    return row


def number(value: float | None, width: int, digits: int) -> str:
    """Return a number in its column, a dot where there is none."""
    return f"{value:{width}.{digits}f}" if value is not None else f"{'.':>{width}}"


TIMES = ("numpy", "primal", "gradient", "hand", *RIVALS)
RATIOS = ("to_primal", "to_hand", "rival_to")
COMPILES = ("gradient", "hand", "jax")


def header(memory: bool) -> str:
    """Return the table's two first lines."""
    names = ("numpy", "primal", "grad", "hand", *RIVALS)
    ratios = ("/primal", "/hand", "rival/")
    line = f"{'ms':13}" + "".join(f"{name:>9}" for name in names)
    line += "".join(f"{name:>8}" for name in ratios)
    line += "".join(f"{name:>7}" for name in ("cmp s", "hand", "jax"))
    if memory:
        line += "".join(f"{name:>8}" for name in ("peak MB", "hand", "jax"))
    return f"{line}\n{'-' * len(line)}"


def printed(row: Row) -> str:
    """Return a row of the table, and below it what there is to say."""
    line = f"{row['name']:13}"
    line += "".join(number(row["ms"].get(name), 9, 3) for name in TIMES)
    line += "".join(number(row.get(name), 8, 2) for name in RATIOS)
    line += "".join(number(row["compile_s"].get(name), 7, 2) for name in COMPILES)
    if "mb" in row:
        line += "".join(number(row["mb"].get(name), 8, 1) for name in COMPILES)
    said = {k: v for k, v in row["notes"].items() if v != "no text"}
    return "\n".join([line, *(f"    {k}: {v}" for k, v in said.items())])


def mean(values: Iterable[float]) -> float:
    """Return the geometric mean."""
    return statistics.geometric_mean(max(value, 1e-9) for value in values)


def bars(rows: list[Row]) -> list[str]:
    """Return a line for each bar of issue 3, and who misses it."""
    lines = []

    def bar(what: str, met: bool, missed: Iterable[str] = ()) -> None:
        names = ", ".join(missed)
        tail = f": {names}" if names else ""
        lines.append(f"{'met   ' if met else 'MISSED'} {what}{tail}")

    def over(key: str, limit: float, rows: list[Row]) -> list[str]:
        found = sorted((r for r in rows if r[key] > limit), key=lambda r: -r[key])
        return [f"{r['name']} {r[key]:.2f}" for r in found]

    silent = [row["name"] for row in rows if "gradient" not in row["ms"]]
    bar("each has a gradient, compiled within a minute", not silent, silent)
    own = [row for row in rows if "to_primal" in row]
    if own:
        median = statistics.median(row["to_primal"] for row in own)
        bar(f"gradient/primal: median {median:.2f} <= 2.5", median <= 2.5)
        for stencil, limit in ((False, 4.0), (True, 6.0)):
            of = [row for row in own if row["stencil"] is stencil]
            missed = over("to_primal", limit, of)
            what = "stencils" if stencil else "each"
            bar(f"gradient/primal: {what} <= {limit:.0f}", not missed, missed)
    by_hand = [row for row in rows if "to_hand" in row]
    if by_hand:
        found = mean(row["to_hand"] for row in by_hand)
        bar(f"gradient/hand: mean of {len(by_hand)} {found:.2f} <= 1.15", found <= 1.15)
        missed = over("to_hand", 1.5, by_hand)
        bar("gradient/hand: each <= 1.5", not missed, missed)
        missed = over("compile_to_hand", 1.3, by_hand)
        bar("compile/hand: each <= 1.3", not missed, missed)
    rivals = [row for row in rows if "rival_to" in row]
    if rivals:
        found = mean(row["rival_to"] for row in rivals)
        bar(f"best rival/gradient: mean {found:.2f} >= 1.6", found >= 1.6)
        lost = [
            f"{r['name']} {1 / r['rival_to']:.2f}" for r in rivals if r["rival_to"] < 1
        ]
        share = 100 - 100 * len(lost) / len(rivals)
        bar(f"quicker than the best rival: {share:.0f} % >= 90 %", share >= 90, lost)
        slow = [r["name"] for r in rivals if r["rival_to"] * 1.2 < 1]
        bar("never 1.2 times slower than the best rival", not slow, slow)
    jax = [row for row in rows if "jax_to" in row]
    if jax:
        found = mean(row["jax_to"] for row in jax)
        bar(f"jax/gradient: mean of {len(jax)} {found:.2f} >= 2.5", found >= 2.5)
    heavy = [r for r in rows if {"gradient", "jax"} <= {*r.get("mb", ())}]
    if heavy:
        over_jax = [r["name"] for r in heavy if r["mb"]["gradient"] > r["mb"]["jax"]]
        bar("peak memory <= JAX's", not over_jax, over_jax)
    return lines


def with_memory(row: Row) -> Row:
    """Return a row with the peaks of its gradients."""
    names = [name for name in COMPILES if name in row["ms"]]
    texts = {name: f"{name}:{row['text'].get(name, '')}" for name in names}
    asked = {name: ask(row["name"], "--memory", texts[name]) for name in names}
    return {**row, "mb": {n: a["mb"] for n, a in asked.items() if "mb" in a}}


def main() -> None:
    """Measure, print a line for each program, the means and the bars, keep JSON."""
    parser = argparse.ArgumentParser(prog="suite.py")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PROGRAMS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rivals", default="", help=f"of {','.join(RIVALS)}")
    parser.add_argument("--memory", action="store_true", help="peaks too")
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    if unknown := {*options.names} - {*PROGRAMS}:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    print(header(options.memory), flush=True)
    rows: list[Row] = []
    kept: list[Row] = []
    for name in options.names or PROGRAMS:
        asked = ("--rounds", str(options.rounds), "--rivals", options.rivals)
        measured = ask(name, *asked)
        if "failed" in measured:
            print(f"{name:13}  {measured['failed']}", flush=True)
            continue
        row = summarised(measured)
        row = with_memory(row) if options.memory else row
        rows.append(row)
        kept.append({**measured, **row})
        print(printed(row), flush=True)
    for key in ("to_primal", "to_hand", "rival_to", "jax_to"):
        if values := [row[key] for row in rows if key in row]:
            print(f"geometric mean of {key}: {mean(values):.2f} ({len(values)})")
    print("\n".join(bars(rows)))
    if options.json:
        versions = {"numba": numba.__version__, "numpy": np.__version__}
        machine = {"machine": platform.processor() or platform.machine(), **versions}
        about = {**machine, "load": os.getloadavg(), "when": time.strftime("%F %R")}
        options.json.write_text(json.dumps({**about, "rows": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
