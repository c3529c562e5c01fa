"""The ASE calculator: ``atoms.calc = AlignnCalculator("si-smooth")``."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from alignn_ff.calculator.dispersion import (
    Dispersion,
    DispersionRecord,
    DispersionSum,
    check_counted_once,
    parse_dispersion,
    with_contribution,
)
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.graph import VerletSkin
from alignn_ff.loading import Precision, select_device, select_dtype
from alignn_ff.potential import Potential, load_potential

log = logging.getLogger(__name__)


class AlignnCalculator(Calculator):
    """Energy, forces and stress of an ALIGNN force field.

    One evaluation gives all properties, and ASE's cache reuses it until the atoms change. A neighbour list is
    reused for as many steps as it is valid; results do not depend on earlier calculations. Units are ASE's:
    eV, eV/Å, eV/Å³ (Voigt order xx yy zz yz xz xy, tension positive).

    Args:
        model: zoo name, model file, folder, or a loaded :class:`Potential`; "auto" selects a shipped model
            that covers the elements of the first structure.
        device: "auto" (the default), "cpu", "cuda", …
        dtype: "float32" (the default) or "float64" network; geometry and sums are always float64.
        backend: how the network is executed; "auto" (the default) selects the fastest one that needs no compiling.
        limits: memory that an evaluation may use; None means no limit.
        dispersion: D3 dispersion added to the model, such as "pbe-d3bj"; None adds none. Energies per atom are then
            not available.

    A loaded potential already has a device, dtype, backend and limits; different values here are an error.

    Raises:
        ModelNotFoundError, CheckpointError, PropertyModelError, ConfigError: raised by the constructor.
        StructureError, ElementNotCoveredError: raised by the first evaluation of a structure.
        PropertyNotImplementedError: the stress of a structure without a volume was requested.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012 - as ASE declares it

    def __init__(
        self,
        model: str | Path | Potential = "auto",
        *,
        device: str | None = None,
        dtype: Precision | None = None,
        backend: BackendName | None = None,
        limits: Limits | None = None,
        dispersion: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dispersion = None if dispersion is None else Dispersion(parse_dispersion(dispersion))
        if self._dispersion is not None:
            self.implemented_properties = list(DispersionSum.implemented_properties)
        if isinstance(model, Potential):
            _refuse_contradictions(model, device=device, dtype=dtype, backend=backend, limits=limits)
        self._model, self._limits = model, limits
        self._device, self._dtype, self._backend = device or "auto", dtype or "float32", backend or "auto"
        select_device(self._device)
        select_dtype(self._dtype)
        self._potential: Potential | None = None
        self._skin = VerletSkin()
        if str(model) != "auto":
            self._load(None)

    @property
    def potential(self) -> Potential:
        """The potential of this calculator."""
        return self._load(self.atoms)

    @property
    def dispersion(self) -> DispersionRecord | None:
        """The dispersion that is added to the model."""
        return None if self._dispersion is None else self._dispersion.record

    @property
    def cutoff_A(self) -> float:  # noqa: N802 - the unit's letter
        """Å, distance up to which atoms are neighbours in the graph."""
        return self.potential.header.graph.cutoff

    @property
    def shortest_training_distances_A(self) -> Mapping[str, float]:  # noqa: N802 - the unit's letter
        """Pair of elements, "O-Si" → Å, shortest distance in the training data; empty if the model file has none."""
        return self.potential.header.domain.shortest_distance_A

    def expect(self, n_evaluations: int, atoms: Atoms) -> None:
        """Announce a long run of a structure, so that a faster backend is compiled if that saves time.

        Args:
            n_evaluations: number of evaluations to come.
            atoms: the structure at the start.

        Raises:
            ModelNotFoundError, CheckpointError, ElementNotCoveredError: as for the first evaluation.
        """
        potential = self._load(atoms)
        before = potential.backend
        potential.expect(n_evaluations, n_atoms=len(atoms))
        if potential.backend != before:
            self.results = {}

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
        potential = self._load(self.atoms)
        prepared = potential.prepare(self.atoms, skin=self._skin)
        prediction = potential.evaluate(prepared.system, prepared.graph)
        assert prediction.forces is not None
        assert prediction.stress is not None
        energy = float(prediction.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": prediction.atomic_energy.cpu().numpy(),
            "forces": prediction.forces.cpu().numpy(),
        }
        stress = prediction.stress[0].cpu().numpy()
        if not np.isnan(stress).any():
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)
        elif "stress" in properties:
            raise PropertyNotImplementedError(
                "stress needs a volume, but this cell has none: "
                f"{self.atoms.cell.array.tolist()}; give the structure a cell with three vectors"
            )
        if self._dispersion is not None:
            self.results = with_contribution(self.results, self._dispersion.evaluate(self.atoms))

    def evaluate_many(
        self, structures: Sequence[Atoms]
    ) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
        """Evaluate several structures in few passes through the network; ASE's results are not changed.

        Args:
            structures: of any kind and size.

        Returns:
            Of each: energy (eV), forces (n_atoms, 3) in eV/Å, stress (3, 3) in eV/Å³, NaN without a volume.

        Raises:
            StructureError, ElementNotCoveredError, MemoryLimitError: as for one structure.
        """
        predictions = self._load(structures[0]).predict(structures, batch_size=_together(structures))
        found = []
        for atoms, prediction in zip(structures, predictions, strict=True):
            assert prediction.forces is not None
            assert prediction.stress is not None
            one = (float(prediction.energy[0]), prediction.forces.numpy(), prediction.stress[0].numpy())
            if self._dispersion is not None:
                added = self._dispersion.evaluate(atoms)
                one = (one[0] + added.energy, one[1] + added.forces, one[2] + added.stress)
            found.append(one)
        return found

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """Names of the properties that differ from the structure of the results; called by ASE several times per step.

        Only properties that the energy depends on are compared, which takes a tenth of the time of ASE's comparison.

        Args:
            atoms: the structure for which results are requested.
            tol: Å, largest difference of positions and cell vectors that is ignored.
        """
        known = self.atoms
        if not isinstance(known, Atoms):
            return list(DECISIVE)
        return [name for name, of in DECISIVE.items() if _differ(of(known), of(atoms), tol)]

    def _load(self, atoms: Atoms | None) -> Potential:
        if self._potential is None:
            if isinstance(self._model, Potential):
                self._potential = self._model
            else:
                self._potential = load_potential(
                    self._model,
                    device=self._device,
                    dtype=self._dtype,
                    backend=self._backend,
                    limits=self._limits,
                    for_atoms=atoms,
                )
            _warn_of_differences(self._potential)
            if self._dispersion is not None:
                check_counted_once(self._potential.name, self._dispersion.record.name)
        return self._potential


ATOMS_TOGETHER: Final = 1000
"""Structures are evaluated together up to about this number of atoms; larger batches are not faster on a CPU."""


def _together(structures: Sequence[Atoms]) -> int:
    """Number of structures that are evaluated together."""
    return max(1, ATOMS_TOGETHER // max(max(len(atoms) for atoms in structures), 1))


def _differ(one: NDArray[np.generic], other: NDArray[np.generic], tol: float) -> bool:
    """Whether two arrays differ by more than a tolerance; integers and booleans must be equal."""
    if tol > 0 and one.dtype.kind == "f" and one.shape == other.shape:
        return not np.allclose(one, other, rtol=0, atol=tol)
    return not np.array_equal(one, other)


DECISIVE: Final[dict[str, Callable[[Atoms], NDArray[np.generic]]]] = {
    "positions": lambda atoms: atoms.positions,
    "cell": lambda atoms: atoms.cell.array,
    "numbers": lambda atoms: atoms.numbers,
    "pbc": lambda atoms: atoms.pbc,
}
"""Properties that an energy depends on, by their names in ASE."""


def _refuse_contradictions(
    potential: Potential,
    *,
    device: str | None,
    dtype: Precision | None,
    backend: BackendName | None,
    limits: Limits | None,
) -> None:
    """Check that no argument differs from the loaded potential, which cannot be moved, cast or rebuilt here.

    Raises:
        ConfigError: an argument differs from the potential.
    """
    own = {
        "device": potential.device,
        "dtype": potential.dtype,
        "backend": potential.backend,
        "limits": potential.limits,
    }
    asked = {
        "device": None if device is None else select_device(device),
        "dtype": None if dtype is None else select_dtype(dtype),
        "backend": None if backend == "auto" else backend,
        "limits": limits,
    }
    differing = [name for name, wanted in asked.items() if wanted not in (None, own[name])]
    if differing:
        told = "; ".join(f"{name} {asked[name]} was requested, but it has {own[name]}" for name in differing)
        raise ConfigError(
            f"the potential {potential.name} is already loaded: {told}. Leave these out, or pass them to load_potential"
        )


def _warn_of_differences(potential: Potential) -> None:
    differences = potential.header.model.training_differences
    if differences:
        log.warning(
            "model %s was trained with %s; here, forces and stress are the exact derivatives of its energy",
            potential.name,
            "; ".join(differences),
        )
