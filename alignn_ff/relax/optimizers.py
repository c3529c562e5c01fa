"""The optimisers of relaxation: one table, from a name to ASE's optimiser and the state that a restart needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from ase import Atoms
from ase.filters import Filter
from ase.optimize import FIRE
from ase.optimize.optimize import Optimizer
from ase.optimize.precon import Exp
from matscipy.neighbours import neighbour_list

from alignn_ff.ase_private import PRECON_STATE
from alignn_ff.choices import KeyOf
from alignn_ff.errors import StructureError
from alignn_ff.relax.ase_optimizers import DownhillLBFGS, LineSearchBFGS, PreconditionedLBFGS
from alignn_ff.relax.stepping.fire import ManyFire
from alignn_ff.relax.stepping.lbfgs import ManyLBFGS
from alignn_ff.relax.stepping.stepper import Stepper

DENSE_LIMIT: Final = 2000
"""Largest number of atoms for a dense Hessian: 3N × 3N float64 are 288 MB, and a step costs N³."""

NO_LOG: Final[Any] = None
"""ASE declares a file and takes None."""

Target = Any
"""An Atoms object or a filter around one."""


@dataclass(frozen=True)
class OptimizerKind:
    """One optimiser.

    Attributes:
        help: what it is, and when to use it.
        build: target → ASE optimiser that logs nothing; its ``step`` may raise ``NoLowerEnergyError``.
        state: attributes (dotted) that decide its next steps, beside the positions and the cell of the target.
        many: number of structures → the same optimiser for all of them at once, as arrays; None if there is none.
    """

    help: str
    build: Callable[[Target], Optimizer]
    state: tuple[str, ...]
    many: Callable[[int], Stepper] | None = None


def lbfgs(target: Target) -> Optimizer:
    """Limited-memory BFGS that goes back when a step led uphill."""
    return DownhillLBFGS(target, logfile=NO_LOG)


def fire(target: Target) -> Optimizer:
    """FIRE: damped dynamics, slow and robust."""
    optimizer: Optimizer = FIRE(target, logfile=NO_LOG)
    return optimizer


def bfgs_linesearch(target: Target) -> Optimizer:
    """BFGS with a dense Hessian and a line search, for small structures.

    Raises:
        StructureError: the Hessian would be too large.
    """
    if len(target) > DENSE_LIMIT:
        raise StructureError(
            f"bfgs_linesearch keeps a matrix of (3·{len(target)})² numbers; for more than {DENSE_LIMIT} atoms use "
            "lbfgs or precon_lbfgs"
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
            f"and the cell {atoms.cell.array.tolist()}. Use lbfgs"
        )
    preconditioner = Exp()
    preconditioner.neighbor_list = neighbour_list  # ASE's own is written in Python
    longest = Optimizer.defaults["maxstep"]
    return PreconditionedLBFGS(target, logfile=None, precon=preconditioner, maxstep=longest)  # type: ignore[no-untyped-call]


OPTIMIZERS: Final[dict[str, OptimizerKind]] = {
    "lbfgs": OptimizerKind(
        "limited-memory BFGS, goes back when a step led uphill; the default",
        lbfgs,
        ("state.iteration", "state.s", "state.y", "state.rho", "r0", "f0", "e0", "task", "lowest"),
        ManyLBFGS,
    ),
    "fire": OptimizerKind(
        "damped dynamics, slow and robust, for rough starts", fire, ("vel", "dt", "a", "Nsteps"), ManyFire
    ),
    "bfgs_linesearch": OptimizerKind(
        "dense BFGS with a line search, for up to some hundred atoms",
        bfgs_linesearch,
        ("H", "r0", "g0", "e0", "task", "p", "alpha_k", "no_update", "rep_count"),
    ),
    "precon_lbfgs": OptimizerKind(
        "LBFGS preconditioned by the neighbour graph, for hundreds of atoms and more",
        precon_lbfgs,
        (
            *("iteration", "s", "y", "rho", "r0", "f0", "e0", "e1", "task", "alpha_k", *PRECON_STATE),
            *("precon.mu", "precon.mu_c", "precon.r_NN", "precon.r_cut", "precon.old_positions", "precon.P"),
        ),
    ),
}
"""Name → optimiser. A new one is a new row."""

OptimizerName = Annotated[str, KeyOf(OPTIMIZERS)]
