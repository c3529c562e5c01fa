"""The training domain of a model in the form that checks read: tables by atomic number, and limits."""

from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from alignn_ff.domain.pairs import N_ELEMENTS, pair_table, seen_pairs

if TYPE_CHECKING:
    from alignn_ff.checkpoint import Header

DISTANCE_MARGIN: Final = 0.1
"""Fraction of the shortest distance of a pair by which atoms may be closer."""

SMALLEST_ENERGY_MARGIN_EV: Final = 0.05
"""Smallest margin of the energy per atom."""

ENERGY_MARGIN: Final = 0.1
"""Margin of the energy per atom, as a fraction of the width of its range."""

VOLUME_MARGIN: Final = 1.15
"""Factor by which the volume per atom may leave its range."""

FORCE_MARGIN: Final = 2.0
"""Factor by which a force may exceed the largest one."""

Range = tuple[float, float]
Flags = NDArray[np.bool_]


class Seen(NamedTuple):
    """What the training data held; None where a model file does not tell.

    Attributes:
        bounds: (119, 119) Å, shortest distance less the margin, by pair of elements; 0 where it is not known.
        reach: Å, the largest of them.
        references: (119,) eV, subtracted from an energy before it is compared.
        energy: eV per atom, lowest and highest.
        volume: Å³ per atom, of bulk structures.
        force: eV/Å, largest.
        pairs: (119, 119), pairs of elements that were neighbours.
        lone: (119,), elements of which the model has a lone atom.
        dimers: (119, 119), pairs of elements of isolated dimers.
    """

    bounds: NDArray[np.float64]
    reach: float
    references: NDArray[np.float64]
    energy: Range | None
    volume: Range | None
    force: float | None
    pairs: Flags | None
    lone: Flags | None
    dimers: Flags | None

    @property
    def energy_margin(self) -> float:
        """Margin of the energy per atom, eV."""
        low, high = self.energy or (0.0, 0.0)
        return max(SMALLEST_ENERGY_MARGIN_EV, ENERGY_MARGIN * (high - low))

    @property
    def alarms(self) -> NDArray[np.float64]:
        """(119, 119) Å, by pair of elements: closer pairs are outside of the training data; inf for unseen elements."""
        return self.bounds if self.pairs is None else np.where(self.pairs, self.bounds, np.inf)

    @classmethod
    def of(cls, header: "Header") -> Self:
        """What the header of a model tells.

        Energies are compared less the reference energies of the elements, so that compositions do not matter. The
        header of an older model has only the energies themselves, which are compared if there is one element.
        """
        domain = header.domain
        bounds = pair_table({name: (1.0 - DISTANCE_MARGIN) * d for name, d in domain.shortest_distance_A.items()})
        references = np.zeros(N_ELEMENTS)
        energy = domain.energy_per_atom_eV if len(header.elements) == 1 else None
        if domain.energy_above_references_eV is not None:
            energy = domain.energy_above_references_eV
            references[list(header.elements)] = header.statistics.reference_energies
        knows_free_atoms = header.statistics.exact_free_atoms  # the model reproduces them without having seen them
        return cls(
            bounds=bounds,
            reach=float(bounds.max()),
            references=references,
            energy=energy,
            volume=domain.volume_per_atom_A3,
            force=domain.largest_force_eV_per_A,
            pairs=None if (seen := seen_pairs(domain)) is None else _pairs(dict.fromkeys(seen, 1)),
            lone=None if knows_free_atoms else _elements(domain.n_lone_atoms),
            dimers=_pairs(domain.n_dimers),
        )


def _pairs(counts: dict[str, int] | None) -> Flags | None:
    return None if counts is None else pair_table(counts) > 0


def _elements(counts: dict[str, int] | None) -> Flags | None:
    if counts is None:
        return None
    flags = np.zeros(N_ELEMENTS, dtype=bool)
    flags[[atomic_numbers[symbol] for symbol, count in counts.items() if count]] = True
    return flags
