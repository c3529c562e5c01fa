"""The ensembles: one table, from a name to an integrator and to what that integrator conserves.

Integrators are ASE's. A new ensemble is a new row here, a name in ``stage.EnsembleName``, and the state of its
integrator in ``integrator_state.STATE``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ase import Atoms
from ase.md.md import MolecularDynamics

from alignn_ff.md.ensembles import barostats, thermostats
from alignn_ff.md.ensembles.freedom import Freedom, freedom
from alignn_ff.md.ensembles.stage import CellMotion, EnsembleName, Stage, Targets
from alignn_ff.md.ensembles.thermostats import Bath

STRAIGHT_CONSTRAINTS: Final = frozenset({"FixAtoms", "FixCartesian", "FixedLine", "FixedPlane", "FixCom", "FixScaled"})
"""Constraints that hold positions as soon as they hold the momenta; FixScaled in rectangular cells alone."""


@dataclass(frozen=True)
class Ensemble:
    """One ensemble.

    Attributes:
        build: (atoms with momenta and calculator, stage, bath) → integrator.
        aim: sets temperature and pressure of the next step on an integrator.
        conserved: (integrator, potential + kinetic energy in eV) → conserved quantity in eV.
        conserved_quantity: the same in words.
        is_conserved: whether exact dynamics keeps that quantity constant.
        conserves_momentum: whether the centre of mass keeps its velocity, and so has no temperature.
        conserves_rotation: the same for the rotation of molecules and wires.
        thermostat: whether there is a temperature to aim at.
        cold: whether that may be 0 K.
        motions: how the cell can move; none: not at all.
        constraints: names of the ASE constraints that the integrator obeys; None for all.
        purpose: what a user should know before choosing it.
    """

    build: Callable[[Atoms, Stage, Bath], MolecularDynamics]
    aim: Callable[[MolecularDynamics, Targets, Bath], None]
    conserved: Callable[[MolecularDynamics, float], float]
    conserved_quantity: str
    purpose: str
    is_conserved: bool = True
    conserves_momentum: bool = True
    conserves_rotation: bool = True
    thermostat: bool = True
    cold: bool = False
    motions: tuple[CellMotion, ...] = ()
    constraints: frozenset[str] | None = STRAIGHT_CONSTRAINTS

    def freedom(self, atoms: Atoms) -> Freedom:
        """What counts as temperature in this ensemble."""
        return freedom(atoms, conserves_momentum=self.conserves_momentum, conserves_rotation=self.conserves_rotation)


ENSEMBLES: Final[dict[EnsembleName, Ensemble]] = {
    "nve": Ensemble(
        build=thermostats.velocity_verlet,
        aim=thermostats.aim_nowhere,
        conserved=thermostats.energy_alone,
        conserved_quantity="potential + kinetic energy",
        purpose="constant energy: velocity Verlet",
        thermostat=False,
        cold=True,
        constraints=None,
    ),
    "nvt_langevin": Ensemble(
        build=thermostats.langevin,
        aim=thermostats.aim_langevin,
        conserved=thermostats.less_heat,
        conserved_quantity="potential + kinetic energy − heat taken from the thermostat",
        purpose="constant temperature: Langevin (BAOAB); robust, disturbs the dynamics",
        conserves_momentum=False,
        conserves_rotation=False,
        cold=True,
    ),
    "nvt_bussi": Ensemble(
        build=thermostats.bussi,
        aim=thermostats.aim_bussi,
        conserved=thermostats.less_transfer,
        conserved_quantity="potential + kinetic energy − energy that the rescaling put in",
        purpose="constant temperature: stochastic velocity rescaling (Bussi); hardly disturbs the dynamics",
    ),
    "nvt_nose_hoover": Ensemble(
        build=thermostats.nose_hoover,
        aim=thermostats.aim_nose_hoover,
        conserved=thermostats.with_chain,
        conserved_quantity="potential + kinetic energy + energy of the thermostat chain",
        purpose="constant temperature: Nosé–Hoover chain; deterministic, not for nearly harmonic crystals",
    ),
    "nvt_andersen": Ensemble(
        build=thermostats.andersen,
        aim=thermostats.aim_andersen,
        conserved=thermostats.less_heat,
        conserved_quantity="potential + kinetic energy − heat of the collisions",
        purpose="constant temperature: Andersen collisions; not for diffusion or spectra",
        conserves_rotation=False,
        cold=True,
    ),
    "npt_mtk": Ensemble(
        build=barostats.mtk,
        aim=barostats.aim_mtk,
        conserved=barostats.enthalpy_of_mtk,
        conserved_quantity="potential + kinetic energy + thermostat and barostat chains + kinetic energy of the cell "
        "+ pressure · volume",
        purpose="constant temperature and pressure: Martyna–Tobias–Klein; volume, whole cell, or axes (slabs)",
        motions=("isotropic", "full", "axes"),
        constraints=frozenset(),
    ),
    "npt_langevin": Ensemble(
        build=barostats.langevin_barostat,
        aim=barostats.aim_langevin_barostat,
        conserved=barostats.enthalpy_less_heat,
        conserved_quantity="potential + kinetic energy + kinetic energy of the cell + pressure · volume − heat taken "
        "from the thermostats",
        purpose="constant temperature and pressure: Langevin for atoms and cell; robust",
        conserves_momentum=False,
        conserves_rotation=False,
        motions=("isotropic", "full"),
        constraints=frozenset(),
    ),
    "nph": Ensemble(
        build=barostats.constant_enthalpy,
        aim=barostats.aim_enthalpy,
        conserved=barostats.enthalpy_less_heat,
        conserved_quantity="potential + kinetic energy + kinetic energy of the cell + pressure · volume",
        purpose="constant enthalpy and pressure",
        thermostat=False,
        cold=True,
        motions=("isotropic", "full"),
        constraints=frozenset(),
    ),
    "nvt_berendsen": Ensemble(
        build=thermostats.berendsen,
        aim=thermostats.aim_berendsen,
        conserved=thermostats.energy_alone,
        conserved_quantity="none; the potential + kinetic energy is logged instead",
        purpose="equilibration only, samples no ensemble: weak coupling to a temperature",
        is_conserved=False,
    ),
    "npt_berendsen": Ensemble(
        build=barostats.berendsen_barostat,
        aim=barostats.aim_berendsen_barostat,
        conserved=thermostats.energy_alone,
        conserved_quantity="none; the potential + kinetic energy is logged instead",
        purpose="equilibration only, samples no ensemble: weak coupling to a temperature and a pressure",
        is_conserved=False,
        motions=("isotropic",),
        constraints=frozenset(),
    ),
}
