"""D3 dispersion, added to any calculator: ``with_dispersion(calculator, "pbe-d3bj")``.

S. Grimme et al., J. Chem. Phys. 132, 154104 (2010); S. Grimme, S. Ehrlich and L. Goerigk, J. Comput. Chem. 32, 1456
(2011). The library is simple-dftd3. Programs differ in cutoffs, in the three-body term and in smoothing; all of them
are fixed here and written into every record.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.errors import ConfigError, SimulationError

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

DAMPINGS: Final[dict[str, tuple[str, str]]] = {
    "d3bj": ("RationalDampingParam", "damping of Becke and Johnson"),
    "d3zero": ("ZeroDampingParam", "zero damping"),
    "d3bjm": ("ModifiedRationalDampingParam", "damping of Becke and Johnson, revised parameters"),
    "d3zerom": ("ModifiedZeroDampingParam", "zero damping, revised parameters"),
}
"""Name → class in dftd3, and what it is."""
THREE_BODY: Final = "atm"
PAIR_CUTOFF_A: Final = 60.0 * units.Bohr
"""Tails beyond are 0.005 GPa in silicon."""
SMOOTHING_A: Final = 10.0 * units.Bohr
"""Over the last part of each cutoff the interactions are switched off smoothly."""
OTHER_CUTOFF_A: Final = 40.0 * units.Bohr
"""Of triples, and of the count of neighbours."""


@dataclass(frozen=True)
class DispersionRecord:
    """What decides a dispersion energy.

    Attributes:
        name: as given, "pbe-d3bj".
        functional: whose parameters are used.
        damping: key of ``DAMPINGS``.
        three_body: whether triples of atoms are included (Axilrod, Teller, Muto).
        pair_cutoff_A, triple_cutoff_A, coordination_cutoff_A: Å.
        smoothing_A: width over which pairs and triples are switched off.
        library: name and version.
    """

    name: str
    functional: str
    damping: str
    three_body: bool
    pair_cutoff_A: float = PAIR_CUTOFF_A
    triple_cutoff_A: float = OTHER_CUTOFF_A
    coordination_cutoff_A: float = OTHER_CUTOFF_A
    smoothing_A: float = SMOOTHING_A
    library: str = ""


class Contribution(NamedTuple):
    """Dispersion of one structure.

    Attributes:
        energy: eV.
        forces: (n_atoms, 3) eV/Å.
        stress: (3, 3) eV/Å³, tension positive; NaN without a volume.
    """

    energy: float
    forces: FloatArray
    stress: FloatArray


def parse_dispersion(name: str) -> DispersionRecord:
    """The record of a name: functional, damping, and "-atm" for the three-body term.

    Raises:
        ConfigError: no such damping.
    """
    words = name.lower().split("-")
    three_body = words[-1] == THREE_BODY
    words = words[:-1] if three_body else words
    if len(words) < 2 or words[-1] not in DAMPINGS:
        raise ConfigError(
            f"dispersion is {name!r}; it takes FUNCTIONAL-DAMPING such as pbe-d3bj, or pbe-d3bj-atm with the "
            f"three-body term; dampings are {', '.join(f'{word} ({row[1]})' for word, row in DAMPINGS.items())}"
        )
    return DispersionRecord(name.lower(), "-".join(words[:-1]), words[-1], three_body)


class Dispersion:
    """Dispersion energies by simple-dftd3.

    Args:
        record: what to compute.

    Raises:
        ConfigError: the library is not installed, or has no parameters for the functional.
    """

    def __init__(self, record: DispersionRecord) -> None:
        try:
            self._library: Any = import_module("dftd3.interface")
            found = version("dftd3")
        except ImportError as error:
            raise ConfigError(
                f"dispersion {record.name} needs dftd3; install it with `pip install 'alignn-ff[dispersion]'`"
            ) from error
        self.record = DispersionRecord(**{**record.__dict__, "library": f"dftd3 {found}"})
        damping = getattr(self._library, DAMPINGS[record.damping][0])
        try:
            self._damping = damping(method=record.functional, atm=record.three_body)
        except RuntimeError as error:
            raise ConfigError(
                f"dftd3 has no parameters of {record.damping} for the functional {record.functional!r} ({error}); "
                "usual ones are pbe, pbesol, revpbe, scan, r2scan, b3lyp, pbe0, hse06"
            ) from error

    def evaluate(self, atoms: Atoms) -> Contribution:
        """Dispersion of a structure; directions that are not periodic have no images.

        Raises:
            SimulationError: the library refuses the structure.
        """
        lattice = atoms.cell.complete().array / units.Bohr
        try:
            model = self._library.DispersionModel(atoms.numbers, atoms.positions / units.Bohr, lattice, atoms.pbc)
            model.set_realspace_cutoff(
                disp2=self.record.pair_cutoff_A / units.Bohr,
                disp3=self.record.triple_cutoff_A / units.Bohr,
                cn=self.record.coordination_cutoff_A / units.Bohr,
                width2=self.record.smoothing_A / units.Bohr,
                width3=self.record.smoothing_A / units.Bohr,
            )
            found = model.get_dispersion(param=self._damping, grad=True)
        except RuntimeError as error:
            raise SimulationError(f"dftd3 cannot evaluate this structure: {error}") from error
        volume = volume_A3(atoms)
        virial = np.asarray(found["virial"]) * units.Hartree
        stress = np.full((3, 3), np.nan) if volume is None else 0.5 * (virial + virial.T) / volume
        forces = -np.asarray(found["gradient"]) * units.Hartree / units.Bohr
        return Contribution(float(found["energy"]) * units.Hartree, forces, stress)


def check_counted_once(model: str, dispersion: str) -> None:
    """Refuse dispersion for a model whose training functional contains it, by the card of the model.

    Raises:
        ConfigError: the card states that it does.
    """
    from alignn_ff import zoo  # here, since it imports torch, and records of models import this module

    card = next((card for card in zoo.cards() if card.name == model), None)
    contained = None if card is None else card.contained_dispersion()
    if contained is None:
        log.warning(
            "nothing states whether the training data of model %s contain dispersion; with %s it would be counted "
            "twice if they do",
            model,
            dispersion,
        )
    elif contained:
        raise ConfigError(
            f"dispersion {dispersion} would be counted twice: by its card, the training data of model {model} contain "
            f"it ({contained}). Leave out --dispersion, or use a model that was trained without it"
        )


class DispersionSum(Calculator):
    """The sum of a calculator and dispersion, for calculators of other packages.

    Args:
        calculator: any ASE calculator.
        dispersion: added to it.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, calculator: BaseCalculator, dispersion: Dispersion) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.base, self.dispersion = calculator, dispersion

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``self.results``; called by ASE."""
        self.results = {}
        super().calculate(atoms, list(properties), list(system_changes))  # type: ignore[no-untyped-call]
        assert isinstance(self.atoms, Atoms)
        wanted = {"energy", "forces", *(name for name in properties if name in self.implemented_properties)}
        results = {name: self.base.get_property(name, self.atoms) for name in sorted(wanted - {"free_energy"})}
        self.results = with_contribution(results, self.dispersion.evaluate(self.atoms))


def with_contribution(results: dict[str, Any], added: Contribution) -> dict[str, Any]:
    """ASE results plus a contribution; energies per atom are left out, since dispersion has none."""
    energy = float(results["energy"]) + added.energy
    summed = {"energy": energy, "free_energy": energy, "forces": np.asarray(results["forces"]) + added.forces}
    if "stress" in results:
        summed["stress"] = np.asarray(results["stress"]) + full_3x3_to_voigt_6_stress(added.stress)
    return summed
