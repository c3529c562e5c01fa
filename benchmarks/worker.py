"""One side of a benchmark in a process of its own; started by ``sides.py``.

Prepares what its argument describes, warms up, answers ``#json {"n_atoms": …}``; then measures once for each line on
stdin and answers with seconds, their parts, and the peak of resident memory. A kind is a function that returns
(n_atoms, evaluate, notes); ``evaluate()`` returns the parts of one evaluation in seconds, which add up to it.
Imports are inside the kinds: each side's Python has its own packages only.
"""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, Final

Parts = dict[str, float]
Kind = Callable[..., tuple[int, Callable[[], Parts], dict[str, Any]]]


def silicon(cells: int, rattle_A: float = 0.05) -> Any:
    """Cubic silicon, cells³ × 8 atoms, rattled."""
    from ase.build import bulk

    atoms = bulk("Si", a=5.43, cubic=True).repeat(cells)
    atoms.rattle(rattle_A, seed=1)
    return atoms


def alignn_ff(*, cells: int, model: str, backend: str = "auto", dtype: str = "float32") -> Any:
    """Our own model: graph, and network with forces and stress."""
    from alignn_ff import load_potential
    from alignn_ff.allocator import keep_freed_memory

    keep_freed_memory()
    atoms = silicon(cells)
    potential = load_potential(model, device="cpu", dtype=dtype, backend=backend)

    def evaluate() -> Parts:
        start = time.perf_counter()
        prepared = potential.prepare(atoms)
        middle = time.perf_counter()
        potential.evaluate(prepared.system, prepared.graph)
        return {"graph": middle - start, "network": time.perf_counter() - middle}

    return len(atoms), evaluate, {"backend": potential.backend}


def ase_calculator(atoms: Any, calculator: Any) -> Any:
    """Any ASE calculator: energy, forces and stress of atoms that moved."""
    atoms.calc = calculator

    def evaluate() -> Parts:
        start = time.perf_counter()
        calculator.calculate(atoms, ["energy", "forces", "stress"], ["positions"])
        return {"all": time.perf_counter() - start}

    return len(atoms), evaluate, {}


def chgnet(*, cells: int) -> Any:
    """CHGNet as released."""
    from chgnet.model.dynamics import CHGNetCalculator

    return ase_calculator(silicon(cells), CHGNetCalculator(use_device="cpu"))


def mace(*, cells: int, channels: int = 64, max_L: int = 0, r_max: float = 5.0) -> Any:
    """MACE with random weights: its cost does not depend on them."""
    import numpy as np
    import torch

    torch.serialization.add_safe_globals([slice])  # in a data file of e3nn, which torch else refuses
    from e3nn import o3
    from mace import modules
    from mace.calculators import MACECalculator

    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    hidden = "+".join(f"{channels}x{l}{'e' if l % 2 == 0 else 'o'}" for l in range(max_L + 1))  # noqa: E741
    network = modules.ScaleShiftMACE(
        r_max=r_max,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=2,
        num_elements=1,
        hidden_irreps=o3.Irreps(hidden),
        MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.array([0.0]),
        avg_num_neighbors=28.0,
        atomic_numbers=[14],
        correlation=3,
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    calculator = MACECalculator(models=[network], device="cpu", default_dtype="float32")
    return ase_calculator(silicon(cells), calculator)


KINDS: Final[dict[str, Kind]] = {"alignn_ff": alignn_ff, "chgnet": chgnet, "mace": mace}


def main() -> None:
    import torch

    warnings.filterwarnings("ignore")
    description = json.loads(sys.argv[1])
    torch.set_num_threads(description["threads"])
    n_atoms, evaluate, notes = KINDS[description["kind"]](**description["options"])
    evaluate()
    answer({"n_atoms": n_atoms, **notes})
    for _ in sys.stdin:
        runs = [evaluate() for _ in range(description["repeats"])]
        best = min(runs, key=lambda parts: sum(parts.values()))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer({"seconds": sum(best.values()), **best, "peak_MiB": peak})


def answer(content: dict[str, Any]) -> None:
    print("#json " + json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
