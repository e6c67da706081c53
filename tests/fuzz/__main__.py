"""`python -m tests.fuzz --inputs 10000`: attack the readers of files, and print a table."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.areas import NAMES
from tests.fuzz.campaign import Tally, attack

_COLUMNS = ("inputs", "accepted", "refused", "traceback", "hang", "died", "memory", "write", "network")


def table(tallies: dict[str, Tally]) -> str:
    lines = [f"{'area':12}" + "".join(f"{name:>10}" for name in (*_COLUMNS, "peak MiB"))]
    for name, tally in tallies.items():
        cells = "".join(f"{tally.counts[column]:10}" for column in _COLUMNS)
        lines.append(f"{name:12}{cells}{tally.peak_growth_mib:10.0f}")
    sums = "".join(f"{sum(tally.counts[column] for tally in tallies.values()):10}" for column in _COLUMNS)
    peak = max(tally.peak_growth_mib for tally in tallies.values())
    return "\n".join([*lines, f"{'all':12}{sums}{peak:10.0f}"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="over all areas together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--area", choices=NAMES, action="append", help="repeatable; all if left out")
    parser.add_argument("--jobs", type=int, default=1, help="areas at a time")
    parser.add_argument("--save", type=Path, help="folder for the inputs that failed")
    options = parser.parse_args(arguments)
    areas = tuple(options.area or NAMES)
    shares = {area: options.inputs // len(areas) + (i < options.inputs % len(areas)) for i, area in enumerate(areas)}

    def run(area: str) -> Tally:
        tally, failures = attack(area, seed=options.seed, numbers=range(shares[area]), save=options.save)
        _say("\n".join([*failures, f"{area}: done"]))
        return tally

    with ThreadPoolExecutor(options.jobs) as pool:
        tallies = dict(zip(areas, pool.map(run, areas), strict=True))
    _say(table(tallies))
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
