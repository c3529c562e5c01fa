"""Energy and force of two atoms over their distance: the repulsion, the minimum, and the end at the cutoff.

In: elements. Out: :class:`DimerResult`. A model that was trained on crystals has seen no pair alone: the curves show
whether close atoms are pushed apart, not the binding energy of a molecule.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Final, Protocol, runtime_checkable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError
from alignn_ff.properties.pairs.config import DimerConfig
from alignn_ff.properties.pairs.result import Dimer, DimerResult
from alignn_ff.properties.result import Remark
from alignn_ff.properties.work import Work

FloatArray = NDArray[np.float64]

MOST_ELEMENTS: Final = 10
"""More elements are not taken unasked: 10 have 55 pairs."""
USUAL_END_A: Final = 6.0
BEYOND_A: Final = 0.3
"""The curve goes on beyond the cutoff by this, so that a jump there would be seen."""
BOX_A: Final = 40.0
"""Edge of the box around a pair, which is not periodic."""


@runtime_checkable
class HasRange(Protocol):
    """A calculator that states its cutoff and the shortest distances of its training data."""

    @property
    def cutoff_A(self) -> float:  # noqa: N802 - the unit's letter
        """Å."""

    @property
    def shortest_training_distances_A(self) -> Mapping[str, float]:  # noqa: N802 - the unit's letter
        """Pair of elements → Å."""


def dimers(config: DimerConfig, work: Work) -> DimerResult:
    """Curves of all pairs of the elements.

    Raises:
        ConfigError: no elements are given, and the model covers many or does not state them.
        SimulationError: an energy is not a finite number.
    """
    elements = config.elements or elements_of_model(work)
    known: HasRange | None = work.calculator if isinstance(work.calculator, HasRange) else None
    cutoff = None if known is None else known.cutoff_A
    end = config.longest_A or (USUAL_END_A if cutoff is None else cutoff + BEYOND_A)
    if end <= config.shortest_A:
        raise ConfigError(f"the curve ends at {end:g} Å, before it begins at {config.shortest_A:g} Å (--from, --to)")
    distance = np.linspace(config.shortest_A, end, config.points)
    single = dict(zip(elements, work.evaluate("single atoms", [_alone(symbol) for symbol in elements]), strict=True))
    curves = []
    for one, other in combinations_with_replacement(elements, 2):
        found = work.evaluate(f"{one}-{other}", [_pair(one, other, float(d)) for d in distance])
        separate = single[one].energy + single[other].energy
        energy = np.array([e.energy - separate for e in found])
        force = np.array([(e.forces[1, 0] - e.forces[0, 0]) / 2.0 for e in found])
        training = None if known is None else _training_distance(known.shortest_training_distances_A, one, other)
        curves.append(Dimer((one, other), distance, energy, force, training))
    first = curves[0]
    return DimerResult(
        atoms=_pair(*first.elements, float(distance[first.lowest])),
        config=config,
        model=work.model,
        dimers=tuple(curves),
        cutoff_A=cutoff,
        remarks=tuple(remark for curve in curves for remark in _doubts(curve)),
    )


def elements_of_model(work: Work) -> Sequence[str]:
    """All elements of the model.

    Raises:
        ConfigError: it states none, or too many.
    """
    elements = work.model.elements
    if not 0 < len(elements) <= MOST_ELEMENTS:
        known = (
            f"the model covers {len(elements)} elements" if elements else "the calculator does not state its elements"
        )
        raise ConfigError(f"{known}; choose some, such as --elements Si,O")
    return elements


def _pair(one: str, other: str, distance: float) -> Atoms:
    middle = BOX_A / 2.0
    places = [(middle - distance / 2.0, middle, middle), (middle + distance / 2.0, middle, middle)]
    return Atoms([one, other], positions=places, cell=[BOX_A] * 3, pbc=False)


def _alone(symbol: str) -> Atoms:
    return Atoms([symbol], positions=[(BOX_A / 2.0,) * 3], cell=[BOX_A] * 3, pbc=False)


def _training_distance(distances: Mapping[str, float], one: str, other: str) -> float | None:
    return distances.get(f"{one}-{other}", distances.get(f"{other}-{one}"))


def _doubts(curve: Dimer) -> list[Remark]:
    remarks = []
    if curve.hole_A is not None:
        remarks.append(
            Remark(
                "hole",
                f"{curve.name}: below {curve.hole_A:.2f} Å the energy falls as the atoms come closer; atoms that get "
                "there fuse, so keep dynamics away from it",
            )
        )
    if curve.n_minima > 1:
        remarks.append(
            Remark(
                "several_minima",
                f"{curve.name}: the energy has {curve.n_minima} minima; the model has not learned from pairs alone, so "
                "do not use it for gases or sputtered atoms",
            )
        )
    return remarks
