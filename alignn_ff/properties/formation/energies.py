"""Formation energies of structures, and their distances from the convex hull.

In: structures. Out: :class:`FormationResult` or :class:`HullResult`. Elements and compounds are relaxed with the same
model; E_f = (E − Σ_i n_i μ_i)/N, with μ_i the lowest energy per atom of element i.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from alignn_ff.cells import is_bulk
from alignn_ff.errors import SimulationError, StructureError
from alignn_ff.properties.formation.config import FormationConfig
from alignn_ff.properties.formation.hull import decompose
from alignn_ff.properties.formation.references import built_reference, given_references
from alignn_ff.properties.formation.result import FormationResult, HullResult, Phase
from alignn_ff.properties.journal import digest
from alignn_ff.properties.reference import bare, check_crystal, relaxation_of
from alignn_ff.properties.result import Remark
from alignn_ff.properties.work import Work


class _Relaxed(NamedTuple):
    """A relaxed structure, and its energy in eV per atom."""

    atoms: Atoms
    energy: float


def formation_energy(atoms: Atoms, config: FormationConfig, work: Work) -> FormationResult:
    """Formation energy of a crystal.

    Raises:
        StructureError: it is not a crystal.
        ConfigError: an element has no reference.
    """
    remarks: list[Remark] = []
    check_crystal(atoms, "a formation energy")
    found = [_relax(atoms, "STRUCTURE", config, work, remarks)]
    references = _references(found, config, work, remarks)
    (phase,) = _phases(found, references)
    return FormationResult(
        atoms=phase.atoms,
        config=config,
        model=work.model,
        phases=(phase,),
        references=_as_phases(references),
        remarks=tuple(remarks),
    )


def convex_hull(structures: Sequence[Atoms], config: FormationConfig, work: Work) -> HullResult:
    """Formation energies and distances from the hull; structures that cannot be relaxed are left out with a remark.

    Raises:
        StructureError: none can be relaxed.
        ConfigError: an element has no reference.
    """
    remarks: list[Remark] = []
    found = []
    for index, atoms in enumerate(structures):
        try:
            check_crystal(atoms, "a convex hull")
            found.append(_relax(atoms, f"structure {index}", config, work, remarks))
        except (SimulationError, StructureError) as error:
            remarks.append(
                Remark("left_out", f"structure {index} ({atoms.get_chemical_formula()}) is left out: {error}")
            )
    if not found:
        raise StructureError("; ".join(remark.sentence for remark in remarks))
    references = _references(found, config, work, remarks)
    phases, elements = _phases(found, references), sorted(references)
    elemental = _as_phases(references)
    competing = (*phases, *elemental.values())
    shares = np.array([_composition(phase.atoms, elements) for phase in competing])
    energies = [phase.energy for phase in competing]
    return HullResult(
        atoms=phases[0].atoms,
        config=config,
        model=work.model,
        phases=phases,
        references=elemental,
        competing=competing,
        decompositions=tuple(decompose(share, shares, energies) for share in shares[: len(phases)]),
        remarks=tuple(remarks),
    )


def _relax(atoms: Atoms, name: str, config: FormationConfig, work: Work, remarks: list[Remark]) -> _Relaxed:
    start = bare(atoms)
    if not config.relax:
        (one,) = work.evaluate(f"{name} as given", [start])
        return _Relaxed(start, one.energy / len(start))
    crystal = is_bulk(start)
    settings = relaxation_of(config, "free" if crystal else "none", symmetric=crystal and config.keep_symmetry)
    found = work.relax(f"relaxation of {name}", start, settings, must_converge=False)
    if not found.converged:
        remarks.append(
            Remark("not_converged", f"{name} did not converge in {found.n_steps} steps; its energy is too high")
        )
    return _Relaxed(found.atoms, found.energy / len(start))


def _references(
    found: Sequence[_Relaxed], config: FormationConfig, work: Work, remarks: list[Remark]
) -> dict[str, _Relaxed]:
    """Symbol → elemental structure of lowest energy."""
    symbols = sorted({symbol for one in found for symbol in one.atoms.symbols})
    known: dict[str, list[_Relaxed]] = {symbol: [] for symbol in symbols}
    for one in found:
        if len(set(one.atoms.symbols)) == 1:
            known[one.atoms.symbols[0]].append(one)
    for file, atoms in zip(config.references, given_references(config.references), strict=True):
        symbol = atoms.symbols[0]
        if symbol in known:
            content = digest([atoms.positions.tolist(), atoms.cell.array.tolist()])[:8]
            known[symbol].append(_relax(atoms, f"{file} ({content})", config, work, remarks))
    for symbol in symbols:
        if not known[symbol]:
            atoms = built_reference(symbol)
            known[symbol].append(_relax(atoms, f"reference {symbol}", config, work, remarks))
            if not is_bulk(atoms):
                remarks.append(
                    Remark(
                        "molecule",
                        f"the reference of {symbol} is the molecule {symbol}2; few models have learned from molecules, "
                        "so its energy, and all formation energies with it, may be far off",
                    )
                )
    return {symbol: min(choices, key=lambda one: one.energy) for symbol, choices in known.items()}


def _phases(found: Sequence[_Relaxed], references: dict[str, _Relaxed]) -> tuple[Phase, ...]:
    formulas = [one.atoms.symbols.formula.reduce()[0].format("metal") for one in found]
    times, seen = Counter(formulas), Counter[str]()
    phases = []
    for formula, one in zip(formulas, found, strict=True):
        seen[formula] += 1
        name = formula if times[formula] == 1 else f"{formula}#{seen[formula]}"
        level = sum(references[symbol].energy for symbol in one.atoms.symbols) / len(one.atoms)
        phases.append(Phase(name, one.atoms, one.energy, one.energy - level))
    return tuple(phases)


def _as_phases(references: dict[str, _Relaxed]) -> dict[str, Phase]:
    return {symbol: Phase(symbol, one.atoms, one.energy, 0.0) for symbol, one in references.items()}


def _composition(atoms: Atoms, elements: Sequence[str]) -> list[float]:
    return [float(np.mean(np.array(atoms.symbols) == symbol)) for symbol in elements]
