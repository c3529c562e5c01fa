"""Relaxation: move atoms, and the cell if asked, until no force exceeds a limit.

In: a structure, a calculator, a :class:`RelaxConfig`. Out: a :class:`RelaxResult`. The optimisers are ASE's.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError
from ase.optimize import FIRE, LBFGS
from ase.optimize.optimize import Optimizer

from alignn_ff.allocator import keep_freed_memory
from alignn_ff.errors import AlignnError, SimulationError
from alignn_ff.graph import check_atoms
from alignn_ff.log import get_logger
from alignn_ff.md.cell import VOIGT, cell_filter, free_strains, quiet_logarithm, volume_A3
from alignn_ff.md.config import OptimizerName, RelaxConfig
from alignn_ff.md.provenance import describe_model
from alignn_ff.md.results import RelaxResult, RelaxStep
from alignn_ff.md.trajectory import RecordFile, bare_copy, frame_text
from alignn_ff.units import GPA_PER_EV_PER_A3

OPTIMIZERS: Final[dict[OptimizerName, type[Optimizer]]] = {"lbfgs": LBFGS, "fire": FIRE}

StepObserver = Callable[[RelaxStep], None]


def relax(
    atoms: Atoms,
    calculator: BaseCalculator,
    *,
    config: RelaxConfig,
    trajectory: Path | None = None,
    on_step: StepObserver | None = None,
) -> RelaxResult:
    """Relax a copy of a structure; its constraints are obeyed.

    With ``config.relax_cell`` the strains along periodic directions relax too; ASE's filter then counts
    (volume·stress)/n_atoms as forces that ``fmax`` applies to.

    Args:
        atoms: start; not changed.
        calculator: any ASE calculator.
        config: optimiser and limits.
        trajectory: extended XYZ file that gets every step.
        on_step: called with every step, the start included.

    Raises:
        StructureError: the structure makes no sense, or has no cell that could relax.
        SimulationError: energy or forces stopped being finite numbers, or the structure fell apart.
    """
    keep_freed_memory()
    check_atoms(atoms)
    work = atoms.copy()
    work.calc = calculator
    free = free_strains(work) if config.relax_cell else np.ones(6, dtype=bool)
    before = after = _measure(work, 0, converged=False)  # what is wrong with the input shows here
    target: Any = cell_filter(work) if config.relax_cell else work  # ASE's optimisers also take filters
    optimizer = OPTIMIZERS[config.optimizer](target, logfile=None)
    began = time.perf_counter()
    with ExitStack() as stack, quiet_logarithm():
        observers: list[StepObserver] = [_check_finite]
        if trajectory is not None:
            observers.append(_recorder(stack, trajectory, work))
        if on_step is not None:
            observers.append(on_step)
        for after in _steps(optimizer, work, config):
            for observe in observers:
                observe(after)
    get_logger("md").info("relaxation: %d steps, converged: %s", after.step, after.converged)
    return RelaxResult(
        atoms=bare_copy(work),
        config=config,
        before=before,
        after=after,
        volume_before_A3=volume_A3(atoms),
        volume_after_A3=volume_A3(work),
        held_strains=tuple(name for name, is_free in zip(VOIGT, free, strict=True) if not is_free),
        wall_time_s=time.perf_counter() - began,
        model=describe_model(calculator),
    )


def _steps(optimizer: Optimizer, atoms: Atoms, config: RelaxConfig) -> Iterator[RelaxStep]:
    """The start and every step; a structure that stops making sense on the way is a failed simulation."""
    steps = optimizer.irun(fmax=config.fmax_eV_per_A, steps=config.max_steps)
    while True:
        try:
            converged = next(steps)
        except StopIteration:
            return
        except AlignnError as error:
            raise SimulationError(f"the relaxation stopped at step {optimizer.nsteps + 1}: {error}") from error
        yield _measure(atoms, optimizer.nsteps, converged=bool(converged))


def _measure(atoms: Atoms, step: int, *, converged: bool) -> RelaxStep:
    forces = atoms.get_forces()
    try:
        stress = tuple(float(s) * GPA_PER_EV_PER_A3 for s in atoms.get_stress())
    except PropertyNotImplementedError:
        stress = None
    return RelaxStep(
        step=step,
        energy_eV=float(atoms.get_potential_energy()),
        max_force_eV_per_A=float(np.linalg.norm(forces, axis=1).max()),
        stress_GPa=stress,
        converged=converged,
    )


def _recorder(stack: ExitStack, path: Path, atoms: Atoms) -> StepObserver:
    """An observer that writes every step as a frame; its file closes with ``stack``."""
    file = stack.enter_context(RecordFile(path))
    return lambda step: file.write(frame_text(atoms, step=step.step))


def _check_finite(step: RelaxStep) -> None:
    if not np.isfinite([step.energy_eV, step.max_force_eV_per_A]).all():
        raise SimulationError(
            f"the relaxation stopped at step {step.step}: energy {step.energy_eV} eV, largest force "
            f"{step.max_force_eV_per_A} eV/Å; look for atoms that are very close to each other"
        )
