"""Surface energies: slabs of three thicknesses for each plane and termination, as cut and relaxed.

In: a crystal. Out: :class:`SurfaceResult`. The energy of slabs of N atoms is E(N) = N·e + A·(γ₁ + γ₂), with the area A
of each face. A line through three thicknesses gives both e, which must be the energy of the crystal, and the sum of the
surface energies, which is the energy of cleavage. Atoms are relaxed, the cell is not: in the plane it is that of the
crystal.

Source: V. Fiorentini, M. Methfessel, J. Phys. Condens. Matter 8, 6525 (1996).
"""

from dataclasses import replace
from math import ceil
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.properties.reference import bare, check_crystal, relaxation_of, relaxed_crystal
from alignn_ff.properties.supercells import check_size
from alignn_ff.properties.surfaces.config import SurfaceConfig
from alignn_ff.properties.surfaces.miller import Miller, distinct_miller, orbit, parse_miller, shown_miller
from alignn_ff.properties.surfaces.remarks import doubts
from alignn_ff.properties.surfaces.result import Slab, Surface, SurfaceResult
from alignn_ff.properties.surfaces.slab import Cut, Layering, cuts, layering, slab
from alignn_ff.properties.surfaces.wulff import Plane, wulff_shape
from alignn_ff.properties.symmetry import conventional_cell, primitive_cell, symmetry_dataset
from alignn_ff.properties.work import Work

THICKER_A: Final = 5.0
"""Smallest difference between the three thicknesses."""
Termination = tuple[str, Miller, Layering, Cut]
WHAT: Final = "a surface energy"


def surface(atoms: Atoms, config: SurfaceConfig, work: Work) -> SurfaceResult:
    """Energies of the surfaces of a crystal.

    Raises:
        StructureError: it is not a crystal.
        ConfigError: a slab is too large.
        NotConvergedError, SimulationError: a slab did not relax.
    """
    check_crystal(atoms, WHAT)
    _check(bare(atoms), config)
    reference, remarks = relaxed_crystal(work, atoms, config, what=WHAT)
    crystal = reference.atoms
    found = tuple(_surface(work, config, one) for one in terminations(crystal, config))
    conventional = conventional_cell(crystal, config.symmetry_tolerance_A)
    result = SurfaceResult(
        atoms=conventional,
        config=config,
        model=work.model,
        surfaces=found,
        bulk_energy=reference.energy / len(crystal),
        wulff=wulff_shape(_planes(found, conventional, config)),
    )
    return replace(result, remarks=(*doubts(result), *remarks))


def terminations(crystal: Atoms, config: SurfaceConfig) -> list[Termination]:
    """Label, indices, layers and cut of every distinct termination of every plane."""
    tolerance = config.symmetry_tolerance_A
    conventional, primitive = conventional_cell(crystal, tolerance), primitive_cell(crystal, tolerance)
    if config.miller is None:
        planes = distinct_miller(config.max_index, symmetry_dataset(conventional, tolerance).rotations)
    else:
        planes = list(dict.fromkeys(parse_miller(config.miller)))
    found: list[Termination] = []
    for plane in planes:
        layers = layering(primitive, conventional, plane)
        places = cuts(layers, min_gap_A=config.min_gap_A, tolerance_A=tolerance)
        for index, cut in enumerate(places):
            letter = f" {chr(ord('a') + index)}" if len(places) > 1 else ""
            found.append((shown_miller(plane) + letter, plane, layers, cut))
    return found


def numbers_of_layers(layers: Layering, cut: Cut, config: SurfaceConfig) -> tuple[int, int, int]:
    """Three numbers of layers, the first one at least as thick as asked."""
    first = ceil((config.thickness_A + cut.gap) / layers.spacing - 1e-6)
    step = ceil(THICKER_A / layers.spacing - 1e-6)
    return first, first + step, first + 2 * step


def _check(atoms: Atoms, config: SurfaceConfig) -> None:
    """Refuse slabs that are too large, before the crystal is relaxed."""
    every = terminations(atoms, config)
    for label, _, layers, cut in every:
        most = numbers_of_layers(layers, cut, config)[-1]
        check_size(
            most * len(layers.crystal),
            config.max_atoms,
            what=f"the thickest slab of {label}, {most * layers.spacing:.0f} Å,",
            n_relaxations=3 * len(every),
            instead="Use a smaller --thickness or --max-index, or allow more atoms",
        )


def _surface(work: Work, config: SurfaceConfig, termination: Termination) -> Surface:
    label, miller, layers, cut = termination
    layers_of = numbers_of_layers(layers, cut, config)
    built = [slab(layers, cut, n, vacuum_A=config.vacuum_A) for n in layers_of]
    settings = relaxation_of(config, "none").model_copy(update={"fmax_eV_per_A": config.slab_fmax_eV_per_A})
    unrelaxed = work.evaluate(f"{label}, as cut", built)
    slabs = []
    for n, atoms, evaluation in zip(layers_of, built, unrelaxed, strict=True):
        slabs.append(Slab(n, evaluation.energy, work.relax(f"{label}, {n} layers", atoms, settings)))
    return Surface(
        label=label,
        miller=miller,
        symmetric=cut.symmetric,
        gap=cut.gap,
        area=layers.area,
        slabs=tuple(slabs),
    )


def _planes(surfaces: tuple[Surface, ...], conventional: Atoms, config: SurfaceConfig) -> list[Plane]:
    """Each plane of each family, with the lowest energy of its terminations."""
    rotations = symmetry_dataset(conventional, config.symmetry_tolerance_A).rotations
    inverse, planes = np.linalg.inv(conventional.cell.array), []
    for miller in dict.fromkeys(one.miller for one in surfaces):
        lowest = min(one.energy() for one in surfaces if one.miller == miller)
        for image in sorted(orbit(miller, rotations)):
            normal = inverse @ np.array(image)
            planes.append(Plane(miller, normal / np.linalg.norm(normal), lowest))
    return planes
