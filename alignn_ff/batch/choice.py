"""How many processes, and how many structures in flight in each, where the user chose none.

On a CPU, processes with one thread each are faster than threads for the many small operations of a structure, as long
as each has the memory; a GPU has one process, and many structures in flight.
"""

import os
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from alignn_ff.batch.config import BatchConfig
from alignn_ff.errors import AlignnError

BYTES_OF_A_PROCESS: Final = 600 * 2**20
"""Python, torch and a model."""


class Flights(NamedTuple):
    """What is in flight in a process at most: atoms and structures."""

    atoms: int
    structures: int


FLIGHTS: Final = {"cpu": Flights(512, 64), "cuda": Flights(20_000, 512)}
"""Type of device → flights. Twice the atoms of a pass, so that most passes are full while structures come and go."""


class Chosen(NamedTuple):
    """How a batch is computed.

    Attributes:
        processes: 0: this one.
        together: structures in flight in a process.
        threads: of each process; None: as many as there are.
    """

    processes: int
    together: int
    threads: int | None


def choose(
    how: BatchConfig, calculator: BaseCalculator, n_atoms: NDArray[np.int64], largest: Atoms | None, *, has_flight: bool
) -> Chosen:
    """What the user chose, or what is fast.

    Args:
        how: of the user.
        calculator: of the batch.
        n_atoms: of its structures.
        largest: the largest of them, for the forecast of memory; None if none can be read.
        has_flight: whether the structures of the task share passes by themselves.

    Raises:
        ConfigError: structures cannot be in flight together with this calculator.
    """
    device, together = _device(calculator), how.together
    if together is None:
        together = _together(n_atoms, FLIGHTS.get(device, FLIGHTS["cpu"])) if has_flight else 1
    elif together > 1 and not has_flight:
        from alignn_ff.batch.computing.together import shareable

        shareable(calculator)
    processes = how.processes
    if processes is None:
        processes = 1 if device != "cpu" else _processes(calculator, len(n_atoms), largest)
    return Chosen(processes, together, 1 if processes > 1 else None)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(calculator: BaseCalculator, atoms: Atoms) -> int | None:
    """Forecast of the peak of one evaluation; None where no law is known."""
    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.execution.memory import forecast_bytes
    from alignn_ff.graph import expected_size, system_from_atoms

    if not isinstance(calculator, AlignnCalculator):
        return None
    potential = calculator.potential
    try:
        size = expected_size(system_from_atoms(atoms), potential.header.graph)
    except AlignnError:
        return None
    itemsize = potential.dtype.itemsize
    return forecast_bytes(potential.backend, potential.header.model, size, limits=potential.limits, itemsize=itemsize)


def _device(calculator: BaseCalculator) -> str:
    from alignn_ff.calculator import AlignnCalculator

    return calculator.potential.device.type if isinstance(calculator, AlignnCalculator) else "cpu"


def _together(n_atoms: NDArray[np.int64], flights: Flights) -> int:
    """So many structures of mean size that passes are full."""
    mean = max(1, int(n_atoms.mean()))
    return max(1, min(flights.structures, flights.atoms // mean, len(n_atoms)))


def _processes(calculator: BaseCalculator, n_structures: int, largest: Atoms | None) -> int:
    """As many as there are cores, structures, and memory for."""
    import torch

    from alignn_ff.execution.available import available_bytes

    needed = BYTES_OF_A_PROCESS + ((memory_bytes(calculator, largest) or 0) if largest is not None else 0)
    available = available_bytes(torch.device("cpu"))
    fitting = n_structures if available is None else available // needed
    return max(1, min(usable_cores(), n_structures, fitting))
