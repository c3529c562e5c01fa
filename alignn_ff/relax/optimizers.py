"""ASE's optimisers as relaxation uses them: one table, and what each keeps from step to step.

LBFGS does not look at the energy, so here it goes back when a step led uphill. The line searches do look, and here they
say so when they find nothing lower, instead of failing.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.filters import Filter
from ase.optimize import FIRE, LBFGS, BFGSLineSearch
from ase.optimize.optimize import Optimizer
from ase.optimize.precon import Exp, PreconLBFGS
from matscipy.neighbours import neighbour_list

from alignn_ff.errors import StructureError
from alignn_ff.relax.config import OptimizerName

MOST_HALVINGS: Final = 6
ENERGY_NOISE_EV: Final = 1e-6
"""Rises of the energy below this times √n_atoms are rounding."""

DENSE_LIMIT: Final = 2000
"""Most atoms for a dense Hessian: 3N × 3N float64 are 288 MB there, and a step costs N³."""


class NoLowerEnergyError(Exception):
    """A line search found no lower energy, down to rounding: the optimiser can do no more."""


class DownhillLBFGS(LBFGS):
    """LBFGS that never ends a step higher than the lowest energy so far: it halves the step, then starts afresh."""

    def initialize(self) -> None:
        """Prepare the memory; called by ASE."""
        super().initialize()  # type: ignore[no-untyped-call]
        self.lowest: float | None = None

    def step(self, forces: Any = None) -> None:  # noqa: ARG002 - ASE's signature
        """One step; called by ASE."""
        value, start = self.optimizable.get_value(), self.optimizable.get_x()
        gradient = self.optimizable.get_gradient()
        self.lowest = value if self.lowest is None else min(self.lowest, value)
        if self.r0 is not None and (start - self.r0) @ (gradient + self.f0) <= 0.0:
            self._forget()  # a pair of negative curvature would turn the next step uphill
        super().step()  # type: ignore[no-untyped-call]
        noise = ENERGY_NOISE_EV * np.sqrt(self.optimizable.ndofs() / 3)
        for halving in range(MOST_HALVINGS):
            if self.optimizable.get_value() <= self.lowest + noise:
                return
            step = 0.5 * (self.optimizable.get_x() - start)
            if halving == 1 or step @ gradient >= 0.0:
                self._forget()
                step = 0.5 * self.determine_step(-(self.state.H0 @ gradient))  # type: ignore[no-untyped-call]
            self.optimizable.set_x(start + step)

    def _forget(self) -> None:
        """Drop the history; the last pair of position and force goes too."""
        self.state.iteration, self.state.s, self.state.y, self.state.rho = 0, [], [], []


class LineSearchBFGS(BFGSLineSearch):
    """BFGS with a line search, started afresh when the search fails, and ended when that fails too."""

    def step(self, gradient: Any = None) -> None:  # noqa: ARG002 - ASE's signature
        """One step; called by ASE."""
        start = self.optimizable.get_x()
        for attempt in ("go on", "afresh"):
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # ASE prints "skip update"
                    super().step()  # type: ignore[no-untyped-call]
            except RuntimeError as error:
                self.optimizable.set_x(start)
                self.reset()  # type: ignore[no-untyped-call]
                self.alpha_k = None
                if "LineSearch" not in str(error):
                    raise
                if attempt == "afresh":
                    raise NoLowerEnergyError from error
            else:
                return


class PreconditionedLBFGS(PreconLBFGS):
    """LBFGS with the preconditioner of Packwood et al. (J. Chem. Phys. 144, 164109, 2016) and an Armijo search."""

    def step(self, f: Any = None) -> None:  # noqa: ARG002 - ASE's signature
        """One step; called by ASE."""
        start = self._actual_atoms.get_positions()
        try:
            with warnings.catch_warnings(), quiet_search():
                warnings.filterwarnings("ignore", message="Armijo linesearch failed", category=UserWarning)
                warnings.filterwarnings("ignore", message="Cell length L", category=UserWarning)
                super().step()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "linesearch" not in str(error):
                raise
            self._actual_atoms.set_positions(start)
            raise NoLowerEnergyError from error

    def log(self, gradient: Any) -> None:
        """Nothing; called by ASE."""

    def gradient_converged(self, gradient: Any) -> bool:
        """Convergence as all optimisers here understand it; called by ASE."""
        return bool(Optimizer.gradient_converged(self, gradient))


@contextlib.contextmanager
def quiet_search() -> Iterator[None]:
    """Keep ASE's complaints about a search that is then repeated from the user."""
    logger = logging.getLogger("ase.utils.linesearcharmijo")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


NO_LOG: Final[Any] = None
"""ASE declares a file and takes None."""

Target = Any
"""An Atoms object or a filter around one."""


@dataclass(frozen=True)
class OptimizerKind:
    """One optimiser.

    Attributes:
        build: target → ASE optimiser that logs nothing.
        state: attributes (dotted) that decide its next steps, beside the target's positions and cell.
    """

    build: Callable[[Target], Optimizer]
    state: tuple[str, ...]


def lbfgs(target: Target) -> Optimizer:
    """Limited-memory BFGS that goes back when a step led uphill."""
    return DownhillLBFGS(target, logfile=NO_LOG)


def fire(target: Target) -> Optimizer:
    """FIRE: damped dynamics; slow, and hard to derail."""
    optimizer: Optimizer = FIRE(target, logfile=NO_LOG)
    return optimizer


def bfgs_linesearch(target: Target) -> Optimizer:
    """BFGS with a dense Hessian and a line search, for small structures.

    Raises:
        StructureError: the Hessian would be too large.
    """
    if len(target) > DENSE_LIMIT:
        raise StructureError(
            f"bfgs_linesearch keeps a matrix of (3·{len(target)})² numbers; beyond {DENSE_LIMIT} atoms take lbfgs or "
            "precon_lbfgs"
        )
    return LineSearchBFGS(target, logfile=NO_LOG)


def precon_lbfgs(target: Target) -> Optimizer:
    """LBFGS preconditioned by the neighbour graph, for large structures.

    Raises:
        StructureError: there are too few atoms, or no cell, for a preconditioner.
    """
    atoms = target.atoms if isinstance(target, Filter) else target
    assert isinstance(atoms, Atoms)
    if len(atoms) < 2 or atoms.cell.rank < 3:
        raise StructureError(
            f"precon_lbfgs needs several atoms in a cell of three vectors; this structure has {len(atoms)} atom(s) "
            f"and the cell {atoms.cell.array.tolist()}. Take lbfgs"
        )
    preconditioner = Exp()
    preconditioner.neighbor_list = neighbour_list  # ASE's own is written in Python
    longest = Optimizer.defaults["maxstep"]
    return PreconditionedLBFGS(target, logfile=None, precon=preconditioner, maxstep=longest)  # type: ignore[no-untyped-call]


OPTIMIZERS: Final[dict[OptimizerName, OptimizerKind]] = {
    "lbfgs": OptimizerKind(
        lbfgs, ("state.iteration", "state.s", "state.y", "state.rho", "r0", "f0", "e0", "task", "lowest")
    ),
    "fire": OptimizerKind(fire, ("vel", "dt", "a", "Nsteps")),
    "bfgs_linesearch": OptimizerKind(
        bfgs_linesearch, ("H", "r0", "g0", "e0", "task", "p", "alpha_k", "no_update", "rep_count")
    ),
    "precon_lbfgs": OptimizerKind(
        precon_lbfgs,
        (
            *("iteration", "s", "y", "rho", "r0", "f0", "e0", "e1", "task", "alpha_k", "_just_reset_hessian"),
            *("precon.mu", "precon.mu_c", "precon.r_NN", "precon.r_cut", "precon.old_positions", "precon.P"),
        ),
    ),
}
