"""The GPU, its clock and its memory, and the models and structures that the parts of gpu.py measure."""

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from ase import Atoms
from ase.build import bulk
from line_graph import LINE_GRAPH, LINE_GRAPH_MODEL
from worker import published_fields

from alignn_ff import load_potential
from alignn_ff.checkpoint import Header
from alignn_ff.graph import published_recipe
from alignn_ff.models import FAMILIES, EnergyModel, ModelStatistics, build_model
from alignn_ff.potential import Potential

Row = dict[str, Any]
MODELS = (LINE_GRAPH, "published 2+2", "published 3+3")
"""A trained silicon model with a line graph, and published networks with random weights."""


class Machine(NamedTuple):
    """Where parts run; in a dry run the CPU, with small systems."""

    dry_run: bool

    @property
    def device(self) -> torch.device:
        """The first GPU, or the CPU."""
        return torch.device("cpu" if self.dry_run else "cuda")

    def size(self, full: Any, small: Any) -> Any:
        """A size of the measurement, or of the dry run."""
        return small if self.dry_run else full

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if not self.dry_run:
            torch.cuda.synchronize()

    def forget_peak(self) -> None:
        """Start a new measurement of memory."""
        if not self.dry_run:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak_bytes(self) -> int:
        """Largest memory in use since :meth:`forget_peak`."""
        return 0 if self.dry_run else torch.cuda.max_memory_allocated()

    def total_bytes(self) -> int:
        """Memory of the device."""
        return 2**31 if self.dry_run else torch.cuda.mem_get_info()[1]

    def seconds(self, call: Callable[[], object], *, budget_s: float = 2.0, most: int = 30) -> float:
        """Median time of a call, after one that is not counted; at least one, more while there is time."""
        call()
        self.wait()
        times: list[float] = []
        while not times or (len(times) < self.size(most, 2) and sum(times) < budget_s):
            began = time.perf_counter()
            call()
            self.wait()
            times.append(time.perf_counter() - began)
        return statistics.median(times)


def silicon(cells: int, *, rattle_A: float = 0.05, seed: int = 1) -> Atoms:
    """Rattled silicon, 8·cells³ atoms."""
    atoms = bulk("Si", a=5.43, cubic=True).repeat(cells)
    atoms.rattle(rattle_A, seed=seed)
    return atoms


def potential_of(name: str, device: torch.device, dtype: str = "float32", backend: str = "auto") -> Potential:
    """A model on a device."""
    if name == LINE_GRAPH:
        return load_potential(LINE_GRAPH_MODEL, device=str(device), dtype=dtype, backend=backend)  # type: ignore[arg-type]
    if not name.startswith("published"):
        return load_potential(name, device=str(device), dtype=dtype, backend=backend)  # type: ignore[arg-type]
    fields, statistics = published_fields(name.removeprefix("published ")), ModelStatistics((0.0,), 1.0, 1.0, 1.0)
    family = FAMILIES[fields["model"]["name"]].config.model_validate(fields["model"])
    header = Header(model=family, graph=published_recipe(fields), elements=(14,), statistics=statistics)
    torch.manual_seed(0)
    model = build_model(header.model, header.graph, header.elements, header.statistics).eval().requires_grad_(False)
    assert isinstance(model, EnergyModel)
    return Potential(name, header, model, device=device, dtype=getattr(torch, dtype), backend=backend)
