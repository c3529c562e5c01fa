"""ASE's optimisers with changed steps.

LBFGS does not use the energy, so here it goes back when a step led uphill. The line searches use it, and here they
raise :class:`NoLowerEnergyError` when they find no lower energy.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from ase.optimize import LBFGS, BFGSLineSearch
from ase.optimize.optimize import Optimizer
from ase.optimize.precon import PreconLBFGS

from alignn_ff.ase_private import atoms_of

MOST_HALVINGS: Final = 6
ENERGY_NOISE_EV: Final = 1e-6
"""A rise of the energy below this times √n_atoms is rounding."""


class NoLowerEnergyError(Exception):
    """A line search found no lower energy, within rounding: the optimiser cannot continue."""


class DownhillLBFGS(LBFGS):
    """LBFGS that ends no step above the lowest energy so far: it halves the step, then resets its history."""

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
            self._forget()  # a pair of negative curvature would direct the next step uphill
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
        """Drop the history, including the last pair of position and force."""
        self.state.iteration, self.state.s, self.state.y, self.state.rho = 0, [], [], []


class LineSearchBFGS(BFGSLineSearch):
    """BFGS with a line search, reset when the search fails, and ended when it fails again."""

    def step(self, gradient: Any = None) -> None:  # noqa: ARG002 - ASE's signature
        """One step; called by ASE."""
        start = self.optimizable.get_x()
        for attempt in ("first", "reset"):
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # ASE prints "skip update"
                    super().step()  # type: ignore[no-untyped-call]
            except RuntimeError as error:
                self.optimizable.set_x(start)
                self.reset()  # type: ignore[no-untyped-call]
                self.alpha_k = None
                if "LineSearch" not in str(error):
                    raise
                if attempt == "reset":
                    raise NoLowerEnergyError from error
            else:
                return


class PreconditionedLBFGS(PreconLBFGS):
    """LBFGS with the preconditioner of Packwood et al. (J. Chem. Phys. 144, 164109, 2016) and an Armijo search."""

    def step(self, f: Any = None) -> None:  # noqa: ARG002 - ASE's signature
        """One step; called by ASE."""
        start = atoms_of(self).get_positions()
        try:
            with warnings.catch_warnings(), quiet_search():
                warnings.filterwarnings("ignore", message="Armijo linesearch failed", category=UserWarning)
                warnings.filterwarnings("ignore", message="Cell length L", category=UserWarning)
                super().step()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "linesearch" not in str(error):
                raise
            atoms_of(self).set_positions(start)
            raise NoLowerEnergyError from error

    def log(self, gradient: Any) -> None:
        """Nothing; called by ASE."""

    def gradient_converged(self, gradient: Any) -> bool:
        """Convergence by the same criterion as the other optimisers; called by ASE."""
        return bool(Optimizer.gradient_converged(self, gradient))


@contextlib.contextmanager
def quiet_search() -> Iterator[None]:
    """Suppress ASE's messages about a search that is then repeated."""
    logger = logging.getLogger("ase.utils.linesearcharmijo")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
