"""Plans of the properties of structures built from a crystal, and of paths and pairs."""

import numpy as np
from ase import Atoms

from alignn_ff.properties.defects import formation
from alignn_ff.properties.defects.config import DefectConfig
from alignn_ff.properties.defects.sites import antisites, elements_of, interstitials, vacancies
from alignn_ff.properties.faults import FaultConfig
from alignn_ff.properties.faults.fault import fault_path
from alignn_ff.properties.pairs.config import DimerConfig
from alignn_ff.properties.pairs.dimers import elements_of_model
from alignn_ff.properties.plan import ATOMS_STEPS, Part, Parts, first_part
from alignn_ff.properties.reaction_path.config import NEBConfig
from alignn_ff.properties.reaction_path.ends import matched_ends
from alignn_ff.properties.reference import bare, check_crystal
from alignn_ff.properties.surfaces.config import SurfaceConfig
from alignn_ff.properties.surfaces.energies import numbers_of_layers, terminations
from alignn_ff.properties.symmetry import conventional_cell
from alignn_ff.properties.work import Work


def vacancy(atoms: Atoms, config: DefectConfig, work: Work) -> Parts:  # noqa: ARG001
    """Each site in each supercell, from each start."""
    return _defects(atoms, config, "a vacancy", vacancies)


def interstitial(atoms: Atoms, config: DefectConfig, work: Work) -> Parts:  # noqa: ARG001
    """Likewise."""
    return _defects(atoms, config, "an interstitial", interstitials)


def antisite(atoms: Atoms, config: DefectConfig, work: Work) -> Parts:  # noqa: ARG001
    """Likewise."""
    return _defects(atoms, config, "an antisite", antisites)


def _defects(atoms: Atoms, config: DefectConfig, what: str, sites: formation.Sites) -> Parts:
    check_crystal(atoms, what)
    formation.check_request(bare(atoms), config, sites, what)
    crystal = conventional_cell(bare(atoms), config.symmetry_tolerance_A)
    n_sites = len(sites(crystal, config.element, config.symmetry_tolerance_A))
    parts = [first_part(atoms, config)]
    if config.reference and len(elements_of(atoms)) > 1:
        parts.append(Part("relaxations of reference phases", len(config.reference), len(atoms), ATOMS_STEPS))
    for repeats in formation.repeats_of(crystal, config):
        n_atoms = len(crystal) * int(np.prod(repeats))
        shown = "×".join(map(str, repeats))
        parts.append(Part(f"supercells {shown}", 2 * n_sites, n_atoms))
        parts.append(Part(f"relaxations of defects in {shown}", n_sites * len(config.starts), n_atoms, ATOMS_STEPS))
    return parts


def surface(atoms: Atoms, config: SurfaceConfig, work: Work) -> Parts:  # noqa: ARG001
    """Slabs of three thicknesses for each termination."""
    check_crystal(atoms, "a surface energy")
    parts = [first_part(atoms, config)]
    for label, _, layers, cut in terminations(bare(atoms), config):
        n_atoms = numbers_of_layers(layers, cut, config)[-1] * len(layers.crystal)
        parts.append(Part(f"relaxations of slabs of {label}", 3, n_atoms, ATOMS_STEPS))
    return parts


def stacking_fault(atoms: Atoms, config: FaultConfig, work: Work) -> Parts:  # noqa: ARG001
    """Each shift, unrelaxed and relaxed."""
    check_crystal(atoms, "a stacking fault")
    path = fault_path(bare(atoms), config)
    n_atoms = path.n_layers * len(path.layers.crystal)
    return [
        first_part(atoms, config),
        Part("shifted crystals", config.points, n_atoms),
        Part("relaxations of shifted crystals", config.points, n_atoms, ATOMS_STEPS),
    ]


def reaction_path(start: Atoms, end: Atoms, config: NEBConfig, work: Work) -> Parts:  # noqa: ARG001
    """Both ends, the band, the lines between its images, and the vibrations of the saddle of a small structure."""
    matched_ends(start, end, config.order)
    n_atoms = len(start)
    parts = [
        Part("ends", 2, n_atoms, ATOMS_STEPS if config.relax else 1),
        Part("images of the band", config.images, n_atoms, 2 * ATOMS_STEPS),
        Part("structures between images", 2 * (config.images + 1), n_atoms),
    ]
    if n_atoms <= config.hessian_atoms:
        parts.append(Part("displacements of the saddle", 6 * n_atoms, n_atoms))
    return parts


def dimers(config: DimerConfig, work: Work) -> Parts:
    """Each distance of each pair."""
    n_elements = len(config.elements or elements_of_model(work))
    n_pairs = n_elements * (n_elements + 1) // 2
    return [Part("pairs of atoms", config.points * n_pairs, 2)]
