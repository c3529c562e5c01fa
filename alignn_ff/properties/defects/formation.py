"""Formation energies of neutral point defects.

In: a crystal. Out: :class:`DefectResult`. For each distinct defect a supercell is built, in the fixed cell of the
relaxed crystal, and its atoms are relaxed from several starts. With n_i atoms of element i added (removed: n_i < 0),

    E_f = E_defect − E_supercell − Σ n_i μ_i

where the supercell without the defect and the chemical potentials μ_i are computed with the same model. The defects are
neutral: force fields have no charges to vary.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.errors import ConfigError
from alignn_ff.properties.defects.config import DefectConfig
from alignn_ff.properties.defects.potentials import chemical_potentials, coexisting_phases
from alignn_ff.properties.defects.remarks import doubts
from alignn_ff.properties.defects.result import Defect, DefectResult, Trial
from alignn_ff.properties.defects.sites import Site, antisites, elements_of, interstitials, vacancies
from alignn_ff.properties.defects.starts import started
from alignn_ff.properties.reference import bare, check_crystal, relaxation_of, relaxed_crystal
from alignn_ff.properties.supercells import Repeats, check_size, repeats_for_size, repeats_for_width
from alignn_ff.properties.symmetry import conventional_cell
from alignn_ff.properties.work import Evaluation, Relaxed, Work

Sites = Callable[[Atoms, str | None, float], list[Site]]
VOLUME_STEP: Final = 0.005
"""Relative change of the volume either way, for the bulk modulus."""


def vacancy(atoms: Atoms, config: DefectConfig, work: Work) -> DefectResult:
    """Vacancies of a crystal; raises as :func:`_defects`."""
    return _defects(atoms, config, work, what="a vacancy", sites=vacancies)


def interstitial(atoms: Atoms, config: DefectConfig, work: Work) -> DefectResult:
    """Interstitials of the elements of a crystal; raises as :func:`_defects`."""
    return _defects(atoms, config, work, what="an interstitial", sites=interstitials)


def antisite(atoms: Atoms, config: DefectConfig, work: Work) -> DefectResult:
    """Antisites of a compound; raises as :func:`_defects`."""
    if len(elements_of(atoms)) == 1:
        raise ConfigError(f"an antisite needs a compound, but the crystal is all {atoms.symbols[0]}")
    return _defects(atoms, config, work, what="an antisite", sites=antisites)


def _defects(atoms: Atoms, config: DefectConfig, work: Work, *, what: str, sites: Sites) -> DefectResult:
    """Formation energies of one kind of defect.

    Raises:
        StructureError: it is not a crystal.
        ConfigError: an element that it does not have, a supercell that is too large, no chemical potentials.
        NotConvergedError, SimulationError: a relaxation failed.
    """
    check_crystal(atoms, what)
    check_request(bare(atoms), config, sites, what)
    coexisting_phases(sorted(set(atoms.get_chemical_symbols())), config.reference)  # before anything is computed
    reference, remarks = relaxed_crystal(work, atoms, config, what=what)
    crystal = conventional_cell(reference.atoms, config.symmetry_tolerance_A)
    limits = chemical_potentials(work, reference, config, config.reference)
    supercells = {repeats: crystal.repeat(repeats) for repeats in repeats_of(crystal, config)}
    found = [
        _defect(work, config, site, repeats, supercell)
        for site in sites(crystal, config.element, config.symmetry_tolerance_A)
        for repeats, supercell in supercells.items()
    ]
    result = DefectResult(
        atoms=crystal,
        config=config,
        model=work.model,
        what=what,
        defects=tuple(found),
        limits=tuple(limits),
        bulk_modulus=_bulk_modulus(work, crystal),
    )
    return replace(result, remarks=(*doubts(result), *remarks))


def check_request(atoms: Atoms, config: DefectConfig, sites: Sites, what: str) -> None:
    """Refuse what cannot work, before the crystal is relaxed."""
    present = elements_of(atoms)
    if config.element not in (None, *present):
        raise ConfigError(f"--element {config.element} is not in the structure, which has {', '.join(present)}")
    crystal = conventional_cell(atoms, config.symmetry_tolerance_A)
    repeats = repeats_of(crystal, config)
    n_sites = len(sites(crystal, config.element, config.symmetry_tolerance_A))
    largest = max(repeats, key=lambda n: int(np.prod(n)))
    check_size(
        len(crystal) * int(np.prod(largest)),
        config.max_atoms,
        what=f"the supercell {'×'.join(map(str, largest))} for {what}",
        n_relaxations=n_sites * len(config.starts) * len(repeats),
        instead="Use a smaller --min-width or --sizes, or allow more atoms",
    )


def repeats_of(crystal: Atoms, config: DefectConfig) -> list[Repeats]:
    """Repetitions of the conventional cell, one per supercell."""
    if not config.sizes:
        return [repeats_for_width(crystal, config.min_width_A)]
    return [repeats_for_size(crystal, size) for size in sorted(set(config.sizes))]


def _defect(work: Work, config: DefectConfig, site: Site, repeats: Repeats, supercell: Atoms) -> Defect:
    name = f"{site.label}, {'×'.join(map(str, repeats))}"
    built = site.built(supercell)
    perfect, unrelaxed = work.evaluate(name, [supercell, built])
    settings = relaxation_of(config, "none").model_copy(update={"fmax_eV_per_A": config.defect_fmax_eV_per_A})
    trials = [
        Trial(start, work.relax(f"{name}, {start}", started(built, site.centre, start), settings))
        for start in config.starts
    ]
    return Defect(
        site=site,
        repeats=repeats,
        supercell=supercell,
        built=built,
        unrelaxed_eV=unrelaxed.energy - perfect.energy,
        trials=tuple(Trial(t.start, _shifted(t.relaxed, perfect)) for t in trials),
    )


def _shifted(relaxed: Relaxed, perfect: Evaluation) -> Relaxed:
    """A relaxed defect with energy and stress less those of the perfect supercell."""
    return relaxed._replace(energy=relaxed.energy - perfect.energy, stress=relaxed.stress - perfect.stress)


def _bulk_modulus(work: Work, crystal: Atoms) -> float:
    """Bulk modulus of the crystal with clamped atoms, eV/Å³; NaN without stresses."""
    cells = [_scaled(crystal, 1.0 + change) for change in (-VOLUME_STEP, VOLUME_STEP)]
    low, high = (_pressure(e) for e in work.evaluate("volumes", cells))
    return (low - high) / (2.0 * VOLUME_STEP)


def _scaled(crystal: Atoms, factor: float) -> Atoms:
    cell: Atoms = crystal.copy()
    cell.set_cell(crystal.cell * factor ** (1.0 / 3.0), scale_atoms=True)
    return cell


def _pressure(evaluation: Evaluation) -> float:
    return -float(np.trace(evaluation.stress)) / 3.0
