"""The ensembles: one table, from a name to an integrator and its conserved quantity.

Integrators are those of ASE. A new ensemble is a new row. Names in configs, help and docs, the allowed settings, the
content of restart files and the checks of structures are derived from the row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ase import Atoms
from ase.md.md import MolecularDynamics

from alignn_ff import ase_private
from alignn_ff.kinetics import Freedom, freedom
from alignn_ff.md.ensembles import barostats, thermostats
from alignn_ff.md.ensembles.settings import CellMotion, Coupling, StageSettings, Targets

STRAIGHT_CONSTRAINTS: Final = frozenset({"FixAtoms", "FixCartesian", "FixedLine", "FixedPlane", "FixCom", "FixScaled"})
"""Constraints that fix positions if they fix the momenta; FixScaled only in rectangular cells."""


def remembers(*names: str) -> Callable[[MolecularDynamics], tuple[str, ...]]:
    """The state of an integrator whose attributes are always the same."""
    return lambda _integrator: names


@dataclass(frozen=True)
class Ensemble:
    """One ensemble.

    Attributes:
        build: (atoms with momenta and calculator, stage, coupling) → integrator.
        aim: sets the target temperature and pressure of the next step.
        state: names of the attributes of an integrator that change from step to step, such as ``part.attribute``; they
            are saved in restart files.
        conserved: (integrator, potential + kinetic energy in eV) → conserved quantity in eV.
        conserved_quantity: the same in words.
        is_conserved: whether exact dynamics keeps that quantity constant.
        conserves_momentum: whether the velocity of the centre of mass is constant, so that it has no temperature.
        conserves_rotation: the same for the rotation of molecules and wires.
        thermostat: whether there is a target temperature.
        cold: whether the temperature may be 0 K.
        motions: how the cell can change; empty: it is fixed.
        constraints: names of the ASE constraints that the integrator supports; None means all.
        help: short description for users.
        reads: fields of a stage that this ensemble reads and some others do not, such as pressure_GPa.
    """

    build: Callable[[Atoms, StageSettings, Coupling], MolecularDynamics]
    aim: Callable[[MolecularDynamics, Targets, Coupling], None]
    conserved: Callable[[MolecularDynamics, float], float]
    conserved_quantity: str
    help: str
    state: Callable[[MolecularDynamics], tuple[str, ...]] = field(default=remembers())
    reads: frozenset[str] = frozenset()
    is_conserved: bool = True
    conserves_momentum: bool = True
    conserves_rotation: bool = True
    thermostat: bool = True
    cold: bool = False
    motions: tuple[CellMotion, ...] = ()
    constraints: frozenset[str] | None = STRAIGHT_CONSTRAINTS

    def freedom(self, atoms: Atoms) -> Freedom:
        """The degrees of freedom that have the temperature in this ensemble."""
        return freedom(atoms, conserves_momentum=self.conserves_momentum, conserves_rotation=self.conserves_rotation)


THERMOSTAT: Final = frozenset({"thermostat_time_fs"})
BAROSTAT: Final = frozenset({"pressure_GPa", "barostat_time_fs"})

ENSEMBLES: Final[dict[str, Ensemble]] = {
    "nve": Ensemble(
        build=thermostats.velocity_verlet,
        aim=thermostats.aim_nowhere,
        conserved=thermostats.energy_alone,
        conserved_quantity="potential + kinetic energy",
        help="constant energy: velocity Verlet",
        thermostat=False,
        cold=True,
        constraints=None,
    ),
    "nvt_langevin": Ensemble(
        build=thermostats.langevin,
        aim=thermostats.aim_langevin,
        conserved=thermostats.less_heat,
        conserved_quantity="potential + kinetic energy − heat taken from the thermostat",
        help="constant temperature: Langevin (BAOAB); robust, but changes the dynamics",
        conserves_momentum=False,
        conserves_rotation=False,
        cold=True,
        state=remembers("heat_eV", "accel", "gamma_mod"),
        reads=THERMOSTAT,
    ),
    "nvt_bussi": Ensemble(
        build=thermostats.bussi,
        aim=thermostats.aim_bussi,
        conserved=thermostats.less_transfer,
        conserved_quantity="potential + kinetic energy − energy added by the rescaling",
        help="constant temperature: stochastic velocity rescaling (Bussi); changes the dynamics very little",
        state=remembers("transferred_energy"),
        reads=THERMOSTAT,
    ),
    "nvt_nose_hoover": Ensemble(
        build=thermostats.nose_hoover,
        aim=thermostats.aim_nose_hoover,
        conserved=thermostats.with_chain,
        conserved_quantity="potential + kinetic energy + energy of the thermostat chain",
        help="constant temperature: Nosé–Hoover chain; deterministic; not for nearly harmonic crystals",
        state=remembers(*ase_private.CHAIN),
        reads=THERMOSTAT,
    ),
    "nvt_andersen": Ensemble(
        build=thermostats.andersen,
        aim=thermostats.aim_andersen,
        conserved=thermostats.less_heat,
        conserved_quantity="potential + kinetic energy − heat of the collisions",
        help="constant temperature: Andersen collisions; not for diffusion or spectra",
        conserves_rotation=False,
        cold=True,
        state=remembers("heat_eV"),
        reads=THERMOSTAT,
    ),
    "npt_mtk": Ensemble(
        build=barostats.mtk,
        aim=barostats.aim_mtk,
        conserved=barostats.enthalpy_of_mtk,
        conserved_quantity="potential + kinetic energy + thermostat and barostat chains + kinetic energy of the cell "
        "+ pressure · volume",
        help="constant temperature and pressure: Martyna–Tobias–Klein; moves the volume, full cell, or axes (slabs)",
        motions=("isotropic", "full", "axes"),
        constraints=frozenset(),
        state=ase_private.mtk_state,
        reads=THERMOSTAT | BAROSTAT | {"cell_motion", "cell_axes"},
    ),
    "npt_langevin": Ensemble(
        build=barostats.langevin_barostat,
        aim=barostats.aim_langevin_barostat,
        conserved=barostats.enthalpy_less_heat,
        conserved_quantity="potential + kinetic energy + kinetic energy of the cell + pressure · volume − heat taken "
        "from the thermostats",
        help="constant temperature and pressure: Langevin for atoms and cell; robust",
        conserves_momentum=False,
        conserves_rotation=False,
        motions=("isotropic", "full"),
        constraints=frozenset(),
        state=remembers("heat_eV", "accel", "gamma_mod", "p_eps", "force_eps"),
        reads=THERMOSTAT | BAROSTAT | {"cell_motion"},
    ),
    "nph": Ensemble(
        build=barostats.constant_enthalpy,
        aim=barostats.aim_enthalpy,
        conserved=barostats.enthalpy_less_heat,
        conserved_quantity="potential + kinetic energy + kinetic energy of the cell + pressure · volume",
        help="constant enthalpy and pressure",
        thermostat=False,
        cold=True,
        motions=("isotropic", "full"),
        constraints=frozenset(),
        state=remembers("heat_eV", "accel", "gamma_mod", "p_eps", "force_eps"),
        reads=BAROSTAT | {"cell_motion"},
    ),
    "nvt_berendsen": Ensemble(
        build=thermostats.berendsen,
        aim=thermostats.aim_berendsen,
        conserved=thermostats.energy_alone,
        conserved_quantity="none; the potential + kinetic energy is logged instead",
        help="equilibration only (samples no ensemble): weak coupling to a temperature",
        is_conserved=False,
        reads=THERMOSTAT,
    ),
    "npt_berendsen": Ensemble(
        build=barostats.berendsen_barostat,
        aim=barostats.aim_berendsen_barostat,
        conserved=thermostats.energy_alone,
        conserved_quantity="none; the potential + kinetic energy is logged instead",
        help="equilibration only (samples no ensemble): weak coupling to a temperature and a pressure",
        is_conserved=False,
        motions=("isotropic",),
        constraints=frozenset(),
        reads=THERMOSTAT | BAROSTAT | {"compressibility_per_GPa"},
    ),
}
"""Name → ensemble; a program may add rows."""


def special_settings() -> frozenset[str]:
    """Fields of a stage that only some ensembles read."""
    return frozenset[str]().union(*(ensemble.reads for ensemble in ENSEMBLES.values()))
