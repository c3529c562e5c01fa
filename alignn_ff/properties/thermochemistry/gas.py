"""Thermodynamic functions of a molecule as an ideal gas: rigid rotor, harmonic modes (``IdealGasThermo`` of ASE)."""

from typing import Final, Literal

import numpy as np
from ase import Atoms, units
from ase.thermochemistry import IdealGasThermo
from numpy.typing import NDArray

from alignn_ff.cells import empty_axes
from alignn_ff.errors import SimulationError, StructureError
from alignn_ff.properties.reference import bare, relaxation_of
from alignn_ff.properties.result import Remark
from alignn_ff.properties.thermochemistry.config import ThermoConfig
from alignn_ff.properties.thermochemistry.functions import Functions
from alignn_ff.properties.thermochemistry.rotations import symmetry_number
from alignn_ff.properties.vibrations import frequencies_THz
from alignn_ff.properties.work import Work
from alignn_ff.units import BOLTZMANN_EV_PER_K

Array = NDArray[np.float64]
Geometry = Literal["monatomic", "linear", "nonlinear"]
IMAGINARY_THZ: Final = -1.0
"""Below this a molecule is not at a minimum; rotations and translations have frequencies near zero."""
LINEAR: Final = 1e-4
"""Ratio of the smallest to the largest moment of inertia of a linear molecule."""
EV_PER_THZ: Final = units._hplanck * 1e12 / units._e


def ideal_gas(atoms: Atoms, config: ThermoConfig, temperatures: Array, work: Work) -> Functions:
    """At the pressure of the config.

    Raises:
        StructureError: it is not a molecule.
        SimulationError: it is not at a minimum of the energy.
        NotConvergedError: it did not relax.
    """
    start = _molecule(atoms)
    relaxed = work.relax("relaxation", start, relaxation_of(config, "none")) if config.relax else None
    molecule = start if relaxed is None else relaxed.atoms
    energy = relaxed.energy if relaxed is not None else work.evaluate("molecule as given", [start])[0].energy
    modes = frequencies_THz(molecule, work, name="vibrations", step_A=config.displacement_A)
    if modes[0] < IMAGINARY_THZ:
        raise SimulationError(
            f"the molecule is not at a minimum of the energy: its lowest vibration is {modes[0]:.1f} THz (imaginary). "
            "Displace its atoms and relax them again"
        )
    shape, number = geometry_of(molecule), symmetry_number(molecule)
    # rotations and translations have the lowest frequencies
    vibrations = np.abs(modes[len(modes) - n_vibrations(molecule, shape) :]) * EV_PER_THZ
    gas = IdealGasThermo(
        vibrations.tolist(), shape, potentialenergy=energy, atoms=molecule, symmetrynumber=number, spin=config.spin
    )
    entropy, enthalpy = np.zeros_like(temperatures), np.full_like(temperatures, energy + 0.5 * vibrations.sum())
    with np.errstate(over="ignore"):  # of exp(hν/kT) near 0 K
        for row in np.flatnonzero(temperatures > 0):
            kelvin = float(temperatures[row])
            entropy[row] = gas.get_entropy(kelvin, 1e5 * config.gas_pressure_bar, verbose=False)
            enthalpy[row] = gas.get_enthalpy(kelvin, verbose=False)
    return Functions(
        atoms=molecule,
        temperatures=temperatures,
        gibbs=enthalpy - temperatures * entropy,
        entropy=entropy,
        heat_capacity=heat_capacity(temperatures, vibrations, shape),
        static=energy,
        remarks=_remarks(molecule, config),
        extra={
            "geometry": shape,
            "symmetry_number": number,
            "spin": config.spin,
            "pressure_bar": config.gas_pressure_bar,
        },
    )


def geometry_of(molecule: Atoms) -> Geometry:
    """Whether it is one atom, a line, or neither."""
    if len(molecule) == 1:
        return "monatomic"
    moments = np.sort(molecule.get_moments_of_inertia())
    return "linear" if moments[0] < LINEAR * moments[-1] else "nonlinear"


def n_vibrations(molecule: Atoms, shape: Geometry) -> int:
    """Number of motions that are neither translations nor rotations."""
    return {"monatomic": 0, "linear": 3 * len(molecule) - 5, "nonlinear": 3 * len(molecule) - 6}[shape]


def heat_capacity(temperatures: Array, vibrations: Array, shape: Geometry) -> Array:
    """(n,) eV/K at constant pressure: 5/2 k, k/2 per rotation, and the vibrations; zero at 0 K."""
    rotations = {"monatomic": 0, "linear": 2, "nonlinear": 3}[shape]
    ratio = vibrations / (BOLTZMANN_EV_PER_K * np.where(temperatures > 0, temperatures, np.inf))[:, None]
    small = np.exp(-ratio)
    einstein = np.sum(
        np.divide(ratio**2 * small, (1.0 - small) ** 2, out=np.zeros_like(ratio), where=ratio > 0), axis=1
    )
    return np.where(temperatures > 0, BOLTZMANN_EV_PER_K * (2.5 + 0.5 * rotations + einstein), 0.0)


def _molecule(atoms: Atoms) -> Atoms:
    """A copy, if it is a molecule.

    Raises:
        StructureError: it is periodic without vacuum around it.
    """
    empty = empty_axes(atoms)
    crossing = [name for name, periodic in zip("abc", atoms.pbc, strict=True) if periodic and name not in empty]
    if crossing:
        raise StructureError(
            f"an ideal gas needs a molecule, but the structure is periodic along {', '.join(crossing)} without vacuum; "
            "--route harmonic is for crystals"
        )
    return bare(atoms)


def _remarks(molecule: Atoms, config: ThermoConfig) -> tuple[Remark, ...]:
    told = []
    if int(sum(molecule.numbers)) % 2 != round(2 * config.spin) % 2:
        told.append(
            Remark(
                "spin",
                f"the molecule has {int(sum(molecule.numbers))} electrons, which does not fit --spin {config.spin:g}: "
                "an odd number of electrons has a spin of 0.5, 1.5, …",
            )
        )
    elif list(molecule.symbols) == ["O", "O"] and config.spin == 0.0:
        told.append(Remark("spin", "O2 is a triplet: give --spin 1"))
    return tuple(told)
