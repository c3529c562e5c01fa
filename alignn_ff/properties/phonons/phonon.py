"""Phonons of a crystal."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.equation_of_state import cells_over_volume
from alignn_ff.properties.phonons.config import HarmonicConfig, PhononConfig
from alignn_ff.properties.phonons.gruneisen import Gruneisen, gruneisen_parameters
from alignn_ff.properties.phonons.harmonic import Crystal, force_constants
from alignn_ff.properties.phonons.result import PhononResult
from alignn_ff.properties.phonons.stability import Followed, LowestMode, follow, lowest_mode
from alignn_ff.properties.reference import relaxed_crystal
from alignn_ff.properties.result import Remark
from alignn_ff.properties.work import Relaxed, Work

Array = NDArray[np.float64]

VOLUME_STEP: Final = 0.01
"""Relative change of the volume either way for Grüneisen parameters."""


def phonon(atoms: Atoms, config: PhononConfig, work: Work) -> PhononResult:
    """Bands, density of states and thermal properties of a crystal in the harmonic approximation.

    Raises:
        StructureError: it is not a crystal.
        NotConvergedError: it did not relax.
        ConfigError: the supercell is too large.
        DataError: Born charges do not fit.
    """
    reference, remarks = relaxed_crystal(work, atoms, config, what="a phonon calculation")
    crystal = force_constants(work, reference.atoms, config)
    harmonic = crystal.harmonic
    bands = harmonic.bands(config.points_per_segment)
    lowest = lowest_mode(harmonic, bands, config.mesh_length_A)
    followed = follow(work, harmonic, reference.energy / len(atoms), config) if config.follow else None
    parameters = _gruneisen(work, reference, crystal, config) if config.gruneisen else None
    return PhononResult(
        atoms=crystal.primitive.atoms,
        config=config,
        model=work.model,
        remarks=(*_unstable(lowest, followed), *remarks, *crystal.remarks),
        crystal=crystal,
        bands=bands,
        states=harmonic.states(config.mesh_length_A),
        thermal=harmonic.thermal(temperatures(config), config.mesh_length_A),
        lowest=lowest,
        followed=followed,
        gruneisen=parameters,
        energy_eV_per_atom=reference.energy / len(atoms),
    )


def temperatures(config: HarmonicConfig) -> Array:
    """(n,) K, from 0 on."""
    return np.asarray(
        np.arange(0.0, config.max_temperature_K + 0.5 * config.temperature_step_K, config.temperature_step_K)
    )


def _gruneisen(work: Work, reference: Relaxed, crystal: Crystal, config: PhononConfig) -> Gruneisen:
    scales = np.array([1.0 - VOLUME_STEP, 1.0 + VOLUME_STEP])
    cells = cells_over_volume(work, reference, config, scales)
    smaller, larger = (
        force_constants(
            work, cell.atoms, config, name=f"displaced supercells at volume {scale:g}", matrix=crystal.matrix
        )
        for cell, scale in zip(cells, scales, strict=True)
    )
    return gruneisen_parameters(smaller.harmonic, crystal.harmonic, larger.harmonic, config.mesh_length_A)


def _unstable(lowest: LowestMode, followed: Followed | None) -> Sequence[Remark]:
    if lowest.stable:
        return []
    q = ", ".join(f"{x:.3f}" for x in lowest.qpoint)
    remarks = [
        Remark(
            "unstable",
            f"the crystal is not dynamically stable: the lowest mode is {lowest.frequency_THz:.2f} THz (imaginary) at "
            f"q = ({q}), and {100 * lowest.fraction:.1f} % of all modes are imaginary; --follow relaxes along it",
        ),
        Remark(
            "thermal_incomplete",
            "imaginary modes are left out of the thermal properties, which therefore have no meaning for this crystal",
        ),
    ]
    if followed is not None:
        remarks.append(
            Remark(
                "lower_structure",
                f"along the unstable mode a structure {followed.gain_meV_per_atom:.2f} meV/atom lower was found",
            )
        )
    return remarks
