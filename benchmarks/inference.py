"""Time of one evaluation (energy, forces and stress), compared with other packages.

    python benchmarks/inference.py --case si --peer-python PYTHON --json docs/figures/inference.json

Silicon rattled by 0.05 Å. All sides run in one session and take turns (``sides.py``). Peers are measured if PYTHON
(an interpreter with chgnet, mace-torch, alignn; by default this one) can import them.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from line_graph import LINE_GRAPH, LINE_GRAPH_MODEL
from sides import Side, alternate, machine, report


class Case(NamedTuple):
    """A table: the sides that are compared, and the reference.

    Attributes:
        title: of the table.
        ours: name of the side that ratios refer to.
        sides: function of the number of cubic cells along each axis and the Python with the peers.
        cells: cubic cells of 8 atoms along each axis, one table each; 0 where the sides say it themselves.
    """

    title: str
    ours: str
    sides: Callable[[int, str | None], list[Side]]
    cells: tuple[int, ...]


def peers(cells: int, peer_python: str | None) -> list[Side]:
    """Other packages."""
    return [
        Side("CHGNet 0.4.2", "chgnet", {"cells": cells}, peer_python),
        Side("MACE 64 channels, L=0, 5 Å", "mace", {"cells": cells}, peer_python),
    ]


def line_graph(cells: int, peer_python: str | None) -> list[Side]:
    """The silicon model of 0.1.0, with a line graph and without moments."""
    own = [
        Side(backend, "alignn_ff", {"cells": cells, "model": str(LINE_GRAPH_MODEL), "backend": backend}, repeats=3)
        for backend in ("native", "eager")
    ]
    return own + peers(cells, peer_python)


def si(cells: int, peer_python: str | None) -> list[Side]:
    """The silicon model, with moments; that with a line graph beside it."""
    files = {"si": "si", LINE_GRAPH: str(LINE_GRAPH_MODEL)}
    own = [
        Side(f"{name}, {backend}", "alignn_ff", {"cells": cells, "model": files[name], "backend": backend}, repeats=3)
        for name, backend in (("si", "native"), ("si", "eager"), (LINE_GRAPH, "native"))
    ]
    return own + peers(cells, peer_python)


CRYSTALS: Final[dict[str, tuple[str, str, float, list[int]]]] = {
    "si": ("Si", "diamond", 5.47, [5, 5, 5]),
    "ge": ("Ge", "diamond", 5.76, [5, 5, 5]),
    "cu": ("Cu", "fcc", 3.63, [6, 6, 7]),
    "ni": ("Ni", "fcc", 3.52, [6, 6, 7]),
    "li": ("Li", "bcc", 3.43, [8, 8, 8]),
    "mo": ("Mo", "bcc", 3.16, [8, 8, 8]),
    "monbtaw": ("W", "bcc", 3.18, [8, 8, 8]),
    "nacl": ("NaCl", "rocksalt", 5.61, [5, 5, 5]),
    "universal": ("MgO", "rocksalt", 4.25, [5, 5, 5]),
}
"""Shipped model → a crystal that it is for: name, lattice, a in Å, cubic cells along each axis, about 1000 atoms."""


def models(cells: int, peer_python: str | None) -> list[Side]:  # noqa: ARG001 - one signature for all cases
    """The shipped models, each on a crystal that it is for."""
    return [
        Side(
            model,
            "alignn_ff",
            {"model": model, "backend": "native", "of_crystal": {"name": n, "lattice": kind, "a": a, "cells": repeat}},
            repeats=3,
        )
        for model, (n, kind, a, repeat) in CRYSTALS.items()
    ]


def published(config: str) -> Callable[[int, str | None], list[Side]]:
    """A published network: this package, this package within 150 KiB per atom, and the published package."""

    def sides(cells: int, peer_python: str | None) -> list[Side]:
        ours = {"cells": cells, "config": config}
        tight = {**ours, "backend": "native", "memory_limit_MB": 8 * cells**3 * 150 * 1024 / 1e6}
        return [
            Side("native", "published_alignn_ff", {**ours, "backend": "native"}, repeats=2),
            Side("native, 150 KiB/atom", "published_alignn_ff", tight, repeats=2),
            Side("eager", "published_alignn_ff", {**ours, "backend": "eager"}),
            Side("alignn 2026.8.11", "published_alignn", {"cells": cells, "config": config}, peer_python),
        ]

    return sides


CASES: Final[dict[str, Case]] = {
    "si": Case("si, float32", "si, native", si, (3, 5)),
    "models": Case("shipped models on 1000 to 1024 atoms, float32", "si", models, (0,)),
    LINE_GRAPH: Case("silicon model of 0.1.0, with a line graph, float32", "native", line_graph, (1, 3, 5)),
    "published 3+3": Case(
        "3 + 3 layers of 128, cutoff 6 Å, 12 neighbours, float32", "native", published("3+3"), (3, 5)
    ),
    "published 2+2": Case("2 + 2 layers of 128, cutoff 5 Å, angles 3.5 Å, float32", "native", published("2+2"), (3, 5)),
}
"""Name → table."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of one evaluation, compared with other packages.")
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--cells", type=int, action="append", help="cubic cells along each axis (default: per case)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-python", help="interpreter with the peers (default: this one)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    for name in arguments.case or CASES:
        case = CASES[name]
        for cells in arguments.cells or case.cells:
            sides = case.sides(cells, arguments.peer_python)
            rows = alternate(sides, rounds=arguments.rounds, threads=arguments.threads)
            size = f", {8 * cells**3} atoms" if cells else ""
            report(f"{case.title}{size}, {arguments.threads} threads", rows, ours=case.ours)
            results += [{"case": name, **row._asdict()} for row in rows]
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine(), "unit": "seconds per evaluation", "rows": results}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
