"""Chemical potentials, all from the same model: the crystal itself, and phases that coexist with it.

In a compound of n elements, the crystal and n − 1 further phases fix the n chemical potentials. Each choice of n − 1
phases is a limit, such as "O-rich".
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms

from alignn_ff.cells import VACUUM_A, gaps_A
from alignn_ff.errors import ConfigError
from alignn_ff.io import read_structure
from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.journal import digest
from alignn_ff.properties.reference import bare, relaxation_of
from alignn_ff.properties.work import Relaxed, Work

TOLERANCE_EV: Final = 1e-3
"""Per atom; a phase that is lower than this below the chemical potentials would form."""


class Potentials(NamedTuple):
    """Chemical potentials in one limit.

    Attributes:
        name: "O-rich"; "" for a crystal of one element.
        eV: element → chemical potential.
        unstable: formula of a phase that would form in this limit; "" if there is none.
    """

    name: str
    eV: dict[str, float]
    unstable: str = ""


def chemical_potentials(
    work: Work, crystal: Relaxed, config: PropertyConfig, references: Sequence[str]
) -> list[Potentials]:
    """The limits of the chemical potentials.

    Args:
        work: evaluates.
        crystal: relaxed.
        config: of the relaxations.
        references: structure files.

    Raises:
        ConfigError: the phases do not fix the potentials.
        StructureError, NotConvergedError: a file cannot be read, or a phase does not relax.
    """
    elements = sorted(set(crystal.atoms.get_chemical_symbols()))
    if len(elements) == 1:
        return [Potentials("", {elements[0]: crystal.energy / len(crystal.atoms)})]
    phases = coexisting_phases(elements, references)
    relaxed = [_relaxed(work, phase, config) for phase in phases]
    limits = [
        found
        for chosen in combinations(relaxed, len(elements) - 1)
        if (found := _limit(elements, crystal, chosen, relaxed)) is not None
    ]
    if not limits:
        raise ConfigError(
            f"the phases {', '.join(references)} and {crystal.atoms.get_chemical_formula()} do not fix the chemical "
            f"potentials of {', '.join(elements)}: {_advice(elements)}"
        )
    return limits


def coexisting_phases(elements: Sequence[str], references: Sequence[str]) -> list[Atoms]:
    """The further phases of a crystal of several elements, read and checked; none of one element.

    Raises:
        ConfigError: too few, or one with another element.
        StructureError: a file cannot be read.
    """
    phases = [read_structure(Path(file)) for file in references] if len(elements) > 1 else []
    for phase, file in zip(phases, references, strict=False):
        foreign = sorted(set(phase.get_chemical_symbols()) - set(elements))
        if foreign:
            raise ConfigError(
                f"--reference {file} contains {', '.join(foreign)}, which the crystal does not; give phases of "
                f"{', '.join(elements)}"
            )
    if len(phases) < len(elements) - 1:
        raise ConfigError(
            f"a crystal of {', '.join(elements)} needs chemical potentials from the same model: {_advice(elements)}"
        )
    return phases


def _advice(elements: Sequence[str]) -> str:
    return (
        f"give structure files of at least {len(elements) - 1} more of its phases, such as the elements: "
        f"--reference {','.join(f'{element}.cif' for element in elements)}"
    )


def _relaxed(work: Work, phase: Atoms, config: PropertyConfig) -> Relaxed:
    """A phase at its minimum; the name of the work has its content, so that a changed file is computed again."""
    start = bare(phase)
    content = digest([start.numbers.tolist(), start.positions.tolist(), start.cell.array.tolist()])[:8]
    is_crystal = bool(start.pbc.all()) and max(gaps_A(start)) < VACUUM_A
    settings = relaxation_of(config, "free" if is_crystal else "none")
    return work.relax(f"reference {start.get_chemical_formula()} {content}", start, settings)


def _limit(
    elements: Sequence[str], crystal: Relaxed, chosen: Sequence[Relaxed], phases: Sequence[Relaxed]
) -> Potentials | None:
    counts = np.array([_counts(phase.atoms, elements) for phase in (crystal, *chosen)], dtype=float)
    if np.linalg.matrix_rank(counts) < len(elements):
        return None
    potentials = np.linalg.solve(counts, np.array([phase.energy for phase in (crystal, *chosen)]))
    below = {
        phase.atoms.get_chemical_formula(empirical=True): phase.energy / len(phase.atoms)
        - float(np.dot(_counts(phase.atoms, elements), potentials)) / len(phase.atoms)
        for phase in phases
    }
    forms = min(below, key=lambda formula: below[formula])
    return Potentials(
        "+".join(_name(phase.atoms) for phase in chosen) + "-rich",
        dict(zip(elements, map(float, potentials), strict=True)),
        forms if below[forms] < -TOLERANCE_EV else "",
    )


def _counts(atoms: Atoms, elements: Sequence[str]) -> list[int]:
    return [atoms.get_chemical_symbols().count(element) for element in elements]


def _name(atoms: Atoms) -> str:
    """Symbol of an elemental phase, formula of another."""
    return str(atoms.get_chemical_formula(empirical=True))
