"""The elastic band: images between two ends, moved until the forces across the path vanish.

Improved tangent: G. Henkelman and H. Jónsson, J. Chem. Phys. 113, 9978 (2000). Climbing image: G. Henkelman, B. P.
Uberuaga and H. Jónsson, J. Chem. Phys. 113, 9901 (2000). The band is ASE's, moved by FIRE; all images are evaluated
together.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB

from alignn_ff.properties.errors import NotConvergedError
from alignn_ff.properties.reaction_path.config import NEBConfig
from alignn_ff.properties.work import Evaluation, Work
from alignn_ff.relax.optimizers import OPTIMIZERS

NAME: Final = "band"
OPTIMIZER: Final = OPTIMIZERS["fire"]
STATE_EVERY: Final = 10
"""Steps between states in the journal."""
FIRST_FMAX: Final = 0.1
"""eV/Å; the band comes to this before the highest image starts to climb."""


class Stage(NamedTuple):
    """One part of the optimisation.

    Attributes:
        climb: whether the highest image climbs.
        fmax: eV/Å.
    """

    climb: bool
    fmax: float


def stages(config: NEBConfig) -> list[Stage]:
    """Without climbing to a rough limit, then climbing to the final one."""
    if not config.climb:
        return [Stage(False, config.fmax_eV_per_A)]
    return [Stage(False, max(FIRST_FMAX, config.fmax_eV_per_A)), Stage(True, config.fmax_eV_per_A)]


def optimise(images: list[Atoms], ends: Sequence[Evaluation], config: NEBConfig, work: Work) -> float:
    """Move the images between the ends to the path; they are changed in place.

    Args:
        images: ends included.
        ends: evaluations of the first and the last image.
        config: of the band.
        work: evaluates, and keeps the state.

    Returns:
        Largest force on the band, eV/Å.

    Raises:
        NotConvergedError: a limit was not reached; the state is kept, and a restart goes on from it.
    """
    together = ImagesTogether(images, ends, work)
    state: dict[str, Any] = work.saved(NAME) or {"stage": 0, "steps": 0, "largest_force": np.inf}
    if "positions" in state:
        for image, positions in zip(together.inner, state["positions"], strict=True):
            image.positions = np.array(positions)
    all_stages = stages(config)
    for index in range(state["stage"], len(all_stages)):
        stage = all_stages[index]
        band = NEB(images, k=config.spring_eV_per_A2, climb=stage.climb, method="improvedtangent")
        state = _run(band, {**state, "stage": index}, stage, config, together)
        state = {"stage": index + 1, "steps": state["steps"], "largest_force": state["largest_force"]}
        together.save(state)
    return float(state["largest_force"])


def _run(
    band: NEB, state: dict[str, Any], stage: Stage, config: NEBConfig, together: "ImagesTogether"
) -> dict[str, Any]:
    """One stage, from a state to its last state."""
    optimizer = OPTIMIZER.build(band)
    for name, value in state.get("optimizer", {}).items():
        setattr(optimizer, name, np.array(value) if isinstance(value, list) else value)
    before, largest = state["steps"], np.inf
    for _ in optimizer.irun(fmax=stage.fmax, steps=config.max_steps):
        largest = float(np.linalg.norm(band.get_forces(), axis=1).max())
        state = {**state, "steps": before + optimizer.nsteps, "largest_force": largest}
        together.work.tell(f"{NAME}: step {state['steps']}, largest force {largest:.3f} eV/Å")
        if optimizer.nsteps % STATE_EVERY == 0:
            together.save({**state, "optimizer": _plain(optimizer)})
    if largest > stage.fmax:
        together.save({**state, "optimizer": _plain(optimizer)})
        raise NotConvergedError(
            f"the band did not converge in {config.max_steps} steps{' of climbing' if stage.climb else ''}; the "
            f"largest force is {largest:.2g} eV/Å, the limit {stage.fmax:g}. --restart goes on for as many steps "
            "again; fewer --images or a larger --fmax converge sooner"
        )
    return state


def _plain(optimizer: Any) -> dict[str, Any]:
    """What decides the next steps of an optimiser, for JSON."""
    return {name: np.asarray(getattr(optimizer, name)).tolist() for name in OPTIMIZER.state}


class ImagesTogether:
    """The images of a band, each with a calculator that evaluates all of them at once.

    Args:
        images: ends included.
        ends: evaluations of the first and the last image.
        work: evaluates.
    """

    def __init__(self, images: Sequence[Atoms], ends: Sequence[Evaluation], work: Work) -> None:
        self.inner, self.work = images[1:-1], work
        for image, found in zip((images[0], images[-1]), ends, strict=True):
            image.calc = SinglePointCalculator(image, energy=found.energy, forces=found.forces)
        self.calculators = [ImageCalculator(self) for _ in self.inner]
        for image, calculator in zip(self.inner, self.calculators, strict=True):
            image.calc = calculator

    def evaluate(self) -> None:
        """Evaluate all images between the ends, at their present positions."""
        found = self.work.step(NAME, self.inner)
        for image, calculator, one in zip(self.inner, self.calculators, found, strict=True):
            calculator.take(image, one)

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state, with the positions of the images."""
        self.work.save(NAME, {**state, "positions": [image.positions.tolist() for image in self.inner]})


class ImageCalculator(Calculator):
    """The calculator of one image: when asked, it has all images evaluated."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, images: ImagesTogether) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._images = images

    def take(self, image: Atoms, found: Evaluation) -> None:
        """Hold the results of the image at its present positions."""
        self.atoms = image.copy()
        self.results = {"energy": found.energy, "forces": found.forces}

    def calculate(
        self,
        atoms: Atoms | None = None,  # noqa: ARG002 - ASE's signature
        properties: Sequence[str] = ("energy",),  # noqa: ARG002
        system_changes: Sequence[str] = all_changes,  # noqa: ARG002
    ) -> None:
        """Called by ASE."""
        self._images.evaluate()
