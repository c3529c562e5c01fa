"""Thermodynamic functions of a crystal, from harmonic phonons at one or at several volumes."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from alignn_ff.errors import SimulationError
from alignn_ff.properties.phonons.harmonic import force_constants
from alignn_ff.properties.phonons.stability import IMAGINARY_THZ, lowest_exact_frequency
from alignn_ff.properties.quasi_harmonic import QHAConfig, quasi_harmonic_expansion
from alignn_ff.properties.reference import relaxed_crystal
from alignn_ff.properties.thermochemistry.config import ThermoConfig
from alignn_ff.properties.thermochemistry.functions import Functions
from alignn_ff.properties.work import Work
from alignn_ff.units import GPA_PER_EV_PER_A3, J_PER_MOL_PER_EV, KJ_PER_MOL_PER_EV

Array = NDArray[np.float64]
QHA_STEP_K = 10.0
"""Step of the quasi-harmonic table, between whose rows the functions are interpolated."""


def harmonic(atoms: Atoms, config: ThermoConfig, temperatures: Array, work: Work) -> Functions:
    """At the static volume, where C_V stands for C_P.

    Raises:
        SimulationError: the crystal is not dynamically stable.
        StructureError, NotConvergedError, ConfigError: as for phonons.
    """
    reference, remarks = relaxed_crystal(work, atoms, config, what="a thermodynamic table")
    crystal = force_constants(work, reference.atoms, config)
    lowest = lowest_exact_frequency(crystal.harmonic)
    if lowest < IMAGINARY_THZ:
        raise SimulationError(
            f"the crystal is not dynamically stable (lowest mode {lowest:.2f} THz), so it has no thermodynamic table. "
            "Follow the mode with `alignn-ff phonon --follow`, and use the structure that it finds"
        )
    found = crystal.harmonic.thermal(temperatures, config.mesh_length_A)
    cell = crystal.primitive.atoms
    static = reference.energy * len(cell) / len(atoms)
    pressure_eV = config.pressures_GPa[0] / GPA_PER_EV_PER_A3 * cell.get_volume()
    return Functions(
        atoms=cell,
        temperatures=temperatures,
        gibbs=static + pressure_eV + found.free_energy / KJ_PER_MOL_PER_EV,
        entropy=found.entropy / J_PER_MOL_PER_EV,
        heat_capacity=found.heat_capacity / J_PER_MOL_PER_EV,
        static=static,
        remarks=(*remarks, *crystal.remarks),
    )


def quasi_harmonic(atoms: Atoms, config: ThermoConfig, temperatures: Array, work: Work) -> Functions:
    """At the volume of least Gibbs energy at each temperature; the table ends where the volumes do.

    Raises:
        AlignnError: as for a quasi-harmonic expansion.
    """
    fields = {name: getattr(config, name) for name in QHAConfig.model_fields}
    highest = QHA_STEP_K * np.ceil(temperatures[-1] / QHA_STEP_K)
    settings = QHAConfig.model_validate({**fields, "temperature_step_K": QHA_STEP_K, "max_temperature_K": highest})
    result = quasi_harmonic_expansion(atoms, settings, work)
    found = result.expansions[0]
    inside = temperatures[temperatures <= found.temperatures[-1] + 1e-6]

    def at(values: Array) -> Array:
        return np.asarray(CubicSpline(found.temperatures, values)(inside))

    n = len(result.atoms)
    volumes = at(found.volumes)
    return Functions(
        atoms=result.atoms,
        temperatures=inside,
        gibbs=at(found.gibbs),
        entropy=at(found.entropy),
        heat_capacity=at(found.heat_capacity),
        static=float(result.energies[int(np.argmin(result.energies))]),
        remarks=result.remarks,
        extra={"volume_at_0_K_A3_per_atom": float(volumes[0]) / n, "volume_at_end_A3_per_atom": float(volumes[-1]) / n},
    )
