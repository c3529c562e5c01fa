"""Private attributes of ASE, read and set here only; a test checks that each exists in the installed version.

The bound on ASE in ``pyproject.toml`` is as tight as that: another minor version may rename them.
"""

from collections.abc import Sequence
from typing import Final

from ase import Atoms
from ase.io.extxyz import _read_xyz_frame
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import (
    MTKNPT,
    IsotropicMTKNPT,
    MaskedMTKNPT,
    NoseHooverChainNVT,
    NoseHooverChainThermostat,
)
from ase.optimize.precon import PreconLBFGS

CHAIN: Final = ("_q", "_p", "_thermostat._eta", "_thermostat._p_eta")
"""State of a Nosé–Hoover chain and of the atoms that it moves."""

_BAROSTAT: Final = ("_barostat._xi", "_barostat._p_xi")

MTK_STATE: Final[dict[type[MolecularDynamics], tuple[str, ...]]] = {
    IsotropicMTKNPT: (*CHAIN, *_BAROSTAT, "_eps", "_p_eps", "_cell0", "_volume0"),
    MTKNPT: (*CHAIN, *_BAROSTAT, "_h", "_p_g"),
    MaskedMTKNPT: (*CHAIN, *_BAROSTAT, "_h", "_h0_basis", "_p_c"),
}
"""Integrator of Martyna, Tobias and Klein → its state."""

PRECON_STATE: Final = ("_just_reset_hessian",)
"""Private part of what a preconditioned LBFGS keeps between steps."""


def mtk_state(integrator: MolecularDynamics) -> tuple[str, ...]:
    """Names of what an integrator of Martyna, Tobias and Klein keeps between steps."""
    return MTK_STATE[type(integrator)]


def count_freedom(thermostat: NoseHooverChainThermostat, n_dof: int) -> None:
    """Let a chain count ``n_dof`` degrees of freedom; it multiplies its number of atoms by three wherever it counts."""
    vars(thermostat)["_num_atoms_global"] = n_dof / 3.0
    thermostat._Q[0] = n_dof * thermostat._kT * thermostat._tdamp**2


def count_freedom_of_chain(integrator: NoseHooverChainNVT, n_dof: int) -> None:
    """The same for an integrator with a chain."""
    count_freedom(integrator._thermostat, n_dof)


def count_freedom_of_mtk(integrator: IsotropicMTKNPT | MTKNPT, n_dof: int, *, barostat_mass: float) -> None:
    """The same for atoms and cell; the mass of the barostat is in eV·(ASE time)²."""
    count_freedom(integrator._thermostat, n_dof)
    vars(integrator)["_num_atoms_global"] = n_dof / 3.0
    integrator._barostat._W = barostat_mass


def aim_chain(integrator: NoseHooverChainNVT, kT_eV: float) -> None:
    """Set the temperature of a chain."""
    integrator._thermostat._kT = kT_eV


def chain_energy(integrator: NoseHooverChainNVT) -> float:
    """Energy of a thermostat chain, eV."""
    return float(integrator._thermostat.get_thermostat_energy())


def aim_mtk(integrator: IsotropicMTKNPT | MTKNPT, kT_eV: float, pressure_eV_per_A3: float) -> None:
    """Set temperature and pressure."""
    integrator._kT = integrator._thermostat._kT = integrator._barostat._kT = kT_eV
    integrator._pressure_au = pressure_eV_per_A3


def mtk_energy(integrator: IsotropicMTKNPT | MTKNPT) -> float:
    """Energy of chains and cell, and pressure · volume, eV."""
    barostat = integrator._barostat
    if isinstance(integrator, MTKNPT):
        moving = integrator._get_cell_kinetic_energy()
    else:
        moving = integrator._p_eps**2 / (2.0 * barostat.W)
    chains = integrator._thermostat.get_thermostat_energy() + barostat.get_barostat_energy()
    return float(chains + moving + integrator._pressure_au * integrator._get_volume())


def update_cell_force(integrator: LangevinBAOAB) -> None:
    """Compute the force on the cell of Langevin dynamics again."""
    integrator._update_force_eps()


def atoms_of(optimizer: PreconLBFGS) -> Atoms:
    """The atoms that a preconditioned optimiser moves."""
    atoms: Atoms = optimizer._actual_atoms
    return atoms


OVERRIDDEN: Final[dict[type, tuple[str, ...]]] = {
    LangevinBAOAB: ("_BAOAB_OU", "_barostat_BAOAB_OU", "_barostat_BAOAB_OU_gamma_mod", "_update_force_eps"),
}
"""Class → methods that a subclass in ``md/ensembles/counting_langevin.py`` replaces, with the names that ASE calls."""


def extxyz_frame(lines: Sequence[str], n_atoms: int) -> Atoms:
    """One frame of extended XYZ: the comment line, the atoms, and up to three lattice vectors as ADF writes them."""
    n_vectors = len(lines) - 1 - n_atoms
    atoms: Atoms = _read_xyz_frame(iter(lines), n_atoms, nvec=n_vectors)
    return atoms
