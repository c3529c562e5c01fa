"""Peak memory of an evaluation, for models and graphs of several sizes, and the law of forecasts.

    python benchmarks/memory.py --family alignn_smooth --backend eager --json memory.json

Each case runs in its own process (Linux), whose peak of resident memory is reset before the evaluation. The law,
alignn_ff/execution/forecast.py, is fitted to the peaks by least squares of relative errors, with non-negative
coefficients.
"""

import argparse
import ctypes
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from ase.build import bulk

from alignn_ff.checkpoint import Header
from alignn_ff.execution import Limits
from alignn_ff.execution.forecast import TERMS, graph_bytes, terms
from alignn_ff.execution.memory import forecast_bytes
from alignn_ff.graph import GraphRecipe, graph_size
from alignn_ff.loading import DTYPES
from alignn_ff.models import FAMILIES, EnergyModel, ModelStatistics, build_model
from alignn_ff.native import build
from alignn_ff.potential import Potential

SMOOTH = {"neighbor_strategy": "radius_graph", "cutoff": 5.0, "three_body_cutoff": 3.5}
CAPPED = {"neighbor_strategy": "pure_torch", "cutoff": 5.0, "max_neighbors": 12, "back_tracking": True}
CASES: dict[str, list[dict[str, object]]] = {
    "alignn_smooth": [
        {"graph": SMOOTH | graph, "model": model, "repeat": repeat}
        for graph, model, repeat in (
            ({}, {}, 6),
            ({}, {}, 8),
            ({}, {"alignn_layers": 1}, 6),
            ({}, {"alignn_layers": 3}, 6),
            ({}, {"alignn_layers": 0, "gcn_layers": 3}, 6),
            ({}, {"gcn_layers": 3}, 6),
            ({}, {"hidden_features": 32}, 6),
            ({}, {"hidden_features": 128}, 6),
            ({"three_body_cutoff": 4.2}, {}, 5),
            ({"three_body_cutoff": 4.2}, {"alignn_layers": 1}, 5),
            ({"cutoff": 6.0}, {}, 6),
            ({}, {"edge_input_features": 8, "triplet_input_features": 6}, 6),
        )
    ],
    "published": [
        {"graph": CAPPED | graph, "model": model, "repeat": repeat}
        for graph, model, repeat in (
            ({"three_body_cutoff": 3.5}, {"hidden_features": 128}, 6),
            ({"three_body_cutoff": 3.5}, {"hidden_features": 128, "alignn_layers": 1}, 6),
            ({"three_body_cutoff": 3.5}, {"hidden_features": 128, "gcn_layers": 4}, 6),
            ({"three_body_cutoff": 3.5}, {"hidden_features": 64}, 6),
            ({"cutoff": 6.0}, {"hidden_features": 128, "alignn_layers": 3, "gcn_layers": 3}, 4),
            ({"cutoff": 6.0}, {"hidden_features": 128, "alignn_layers": 1, "gcn_layers": 1}, 4),
            ({"cutoff": 6.0}, {"hidden_features": 64, "embedding_features": 32}, 5),
            ({"cutoff": 6.0}, {"hidden_features": 64, "triplet_input_features": 20}, 5),
        )
    ],
}


def main() -> None:
    arguments = parse()
    if arguments.kernels is not None:
        build.library_folder = lambda: arguments.kernels
    if arguments.case is not None:
        print(json.dumps(peak(arguments.family, arguments.backend, arguments.dtype, json.loads(arguments.case))))
        return
    rows = []
    for case in CASES["alignn_smooth" if arguments.family == "alignn_smooth" else "published"]:
        command = [sys.executable, __file__, "--family", arguments.family, "--backend", arguments.backend]
        command += ["--kernels", str(arguments.kernels)] if arguments.kernels is not None else []
        command += ["--dtype", arguments.dtype, "--case", json.dumps(case)]
        row = case | json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(row)
        n = row["size"][0]
        forecast = "–" if row["forecast"] is None else f"{row['forecast'] / n / 1024:.1f}"
        per_atom = [f"{k / n:.1f}" for k in row["size"][1:]]
        print(n, *per_atom, f"{row['bytes'] / n / 1024:.1f} KiB/atom, forecast {forecast}", case["model"], flush=True)
    law = fit([np.array(row["terms"]) for row in rows], [row["bytes"] for row in rows])
    print({name: round(value, 1) for name, value in zip(TERMS, law, strict=True)})
    errors = [float(np.dot(row["terms"], law)) / row["bytes"] for row in rows]
    print("fitted/measured", [round(error, 2) for error in errors])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"rows": rows, "law": list(law)}, indent=2) + "\n")


def peak(family: str, backend: str, dtype: str, case: dict[str, object]) -> dict[str, object]:
    """Peak of one evaluation without its input, with the sizes and the forecast."""
    torch.set_num_threads(1)
    potential = random_potential(family, backend, dtype, case)
    small = bulk("Si", cubic=True)
    first = potential.prepare(small)
    potential.evaluate(first.system, first.graph)  # loads what the first evaluation needs
    atoms = bulk("Si", cubic=True, a=5.43).repeat(case["repeat"])
    atoms.rattle(0.05, seed=1)
    system, graph, _ = potential.prepare(atoms)
    ctypes.CDLL(None).malloc_trim(0)  # otherwise the evaluation would reuse freed memory unnoticed
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    potential.evaluate(system, graph)
    size, config = graph_size(graph), potential.header.model
    itemsize = potential.dtype.itemsize
    forecast = forecast_bytes(potential.backend, config, size, limits=Limits(), itemsize=itemsize)
    return {
        "size": list(size),
        "bytes": resident("VmHWM") - before,
        "terms": terms(config, size, itemsize=itemsize),
        "forecast": None if forecast is None else forecast - graph_bytes(size),
    }


def random_potential(family: str, backend: str, dtype: str, case: dict[str, object]) -> Potential:
    recipe = GraphRecipe.model_validate(case["graph"])
    published = {} if family == "alignn_smooth" else {"calculate_gradient": True, "atom_input_features": 92}
    config = FAMILIES[family].config.model_validate(published | case["model"])  # type: ignore[operator]
    statistics = ModelStatistics((0.0,), 1.0, 28.0, 3.0)
    header = Header(model=config, graph=recipe, elements=(14,), statistics=statistics)
    model = build_model(config, recipe, (14,), statistics)
    assert isinstance(model, EnergyModel)
    model.requires_grad_(False).eval()
    return Potential(family, header, model, device=torch.device("cpu"), dtype=DTYPES[dtype], backend=backend)  # type: ignore[arg-type]


def resident(field: str) -> int:
    """A memory figure of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def fit(rows: list[np.ndarray], peaks: list[int]) -> np.ndarray:
    """Coefficients of the law."""
    from scipy.optimize import nnls

    measured = np.array(peaks, dtype=float)
    return nnls(np.stack(rows) / measured[:, None], np.ones(len(peaks)))[0]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Peak memory of evaluations, and a law for forecasts.")
    parser.add_argument("--family", default="alignn_smooth")
    parser.add_argument("--backend", default="eager")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--kernels", type=Path, help="folder of compiled kernels (default: the user's cache)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
