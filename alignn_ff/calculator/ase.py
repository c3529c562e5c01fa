"""The ASE calculator: ``atoms.calc = AlignnCalculator("si")``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from alignn_ff.calculator.comparing import DECISIVE, differ, refuse_contradictions
from alignn_ff.calculator.dispersion import (
    Dispersion,
    DispersionRecord,
    DispersionSum,
    check_counted_once,
    parse_dispersion,
    with_contribution,
)
from alignn_ff.calculator.per_thread import PerThread
from alignn_ff.calculator.results import DEVIATIONS, OUTSIDE_KEY, Results
from alignn_ff.display import Displayed, Sheet
from alignn_ff.domain import OUTSIDE, Finding, OutsideError, OutsideWord, sentences
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.graph import Spread, TensorPrediction, VerletSkin, find_pairs, prediction_to_host, spread_to_host
from alignn_ff.graph.neighbors import NeighborPairs
from alignn_ff.loading import Precision, UncertaintyWord, select_device, select_dtype
from alignn_ff.potential import Potential, load_potential
from alignn_ff.preparing import checked_system
from alignn_ff.resident import check_resident

log = logging.getLogger(__name__)


class AlignnCalculator(Displayed, Calculator):
    """Energy, forces and stress of an ALIGNN force field.

    One evaluation gives all properties, and ASE's cache reuses it until the atoms change. A neighbour list is
    reused for as many steps as it is valid; results do not depend on earlier calculations. Threads can share a
    calculator: each has its own ``atoms`` and ``results``. It can be pickled and copied, with the potential and
    the results of the present thread; see :class:`Potential`. Units are ASE's:
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

        outside: what happens where a structure is outside of the training data: "warn" logs each kind of finding once,
            "stop" raises an error where the numbers are no longer predictions, "ignore" does neither.
        uncertainty: standard deviations that are computed: "energy" (the default), or "forces", which adds those of
            forces and stress from the last layer of one model; see :func:`load_potential`.
        resident: keep the structure on the device of the network, neighbours included, from evaluation to evaluation:
            for dynamics and relaxation of an ``alignn_smooth`` model on a GPU. Results agree to rounding, which
            depends on earlier evaluations.

    ``results["outside"]`` holds a sentence for each way in which the structure is outside of the training data, and
    is empty inside; ``findings`` holds the same with more detail, ``findings_of_many`` those of :meth:`evaluate_many`.

    A committee, or a model whose file holds what its last layer tells, also gives standard deviations:
    ``calc.get_property("energy_std", atoms)``, ``"energies_std"`` of each atom, and of a committee or with
    ``uncertainty="forces"`` also ``"forces_std"`` of each force and ``"stress_std"``. They are in ``results`` too;
    those from the last layer once they were asked for.

    A loaded potential already has a device, dtype, backend and limits; different values here are an error.

    Raises:
        ModelNotFoundError, CheckpointError, PropertyModelError, ConfigError: raised by the constructor.
        StructureError, ElementNotCoveredError: raised by the first evaluation of a structure.
        OutsideError: raised by an evaluation outside of the training data, with ``outside="stop"``.
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
        outside: OutsideWord = "warn",
        dispersion: str | None = None,
        uncertainty: UncertaintyWord | None = None,
        resident: bool = False,
    ) -> None:
        self._own = PerThread()
        super().__init__()  # type: ignore[no-untyped-call]
        if outside not in OUTSIDE:
            raise ConfigError(f"outside is {outside!r}; allowed are {', '.join(OUTSIDE)}")
        self._dispersion = None if dispersion is None else Dispersion(parse_dispersion(dispersion))
        if self._dispersion is not None:
            self.implemented_properties = list(DispersionSum.implemented_properties)
        if isinstance(model, Potential):
            refuse_contradictions(
                model, device=device, dtype=dtype, backend=backend, limits=limits, uncertainty=uncertainty
            )
        self._model, self._limits = model, limits
        self._uncertainty: UncertaintyWord = uncertainty or "energy"
        self._device, self._dtype, self._backend = device or "auto", dtype or "float32", backend or "auto"
        select_device(self._device)
        select_dtype(self._dtype)
        self._potential: Potential | None = None
        self.outside, self.resident = outside, resident
        self.findings: tuple[Finding, ...] = ()
        self.findings_of_many: tuple[Finding, ...] = ()
        self._reported: set[str] = set()
        if str(model) != "auto":
            self._load(None)

    @property
    def atoms(self) -> Atoms | None:
        """Copy of the structure of the results of this thread."""
        return self._own.atoms

    @atoms.setter
    def atoms(self, atoms: Atoms | None) -> None:
        self._own.atoms = atoms

    @property
    def results(self) -> dict[str, Any]:
        """Property → value, of the last evaluation in this thread."""
        return self._own.results

    @results.setter
    def results(self, results: dict[str, Any]) -> None:
        self._own.results = results

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name != "_own"}
        return {**kept, "atoms": self.atoms, "results": self.results}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._own = PerThread()
        for name, value in state.items():
            setattr(self, name, value)

    def brief(self) -> str:
        """The model, its family, elements, precision and device, and the dispersion that is added."""
        words = "auto: chosen by the first structure" if self._potential is None else self._potential.brief()
        return words if self.dispersion is None else f"{words}, with {self.dispersion.name}"

    def sheet(self) -> Sheet:
        """That of the potential, and how the calculator was set."""
        facts = {} if self._potential is None else dict(self._potential.sheet().facts)
        added = None if self.dispersion is None else self.dispersion.name
        return Sheet({**facts, "dispersion": added, "outside of the training data": self.outside})

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
        if self.resident:
            return
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
        if not system_changes and "energy" in self.results and set(properties) <= set(DEVIATIONS):
            self._add_last_layer()
            return
        self.results, self.findings = {}, ()
        super().calculate(atoms, list(properties), list(system_changes))  # type: ignore[no-untyped-call]
        assert isinstance(self.atoms, Atoms)
        potential = self._load(self.atoms)
        prediction, pairs = self._evaluated(potential, self.atoms)
        assert prediction.forces is not None
        assert prediction.stress is not None
        energy = float(prediction.energy[0])
        results = Results(
            energy=energy,
            free_energy=energy,
            energies=prediction.atomic_energy.numpy(),
            forces=prediction.forces.numpy(),
        )
        self.findings = potential.outside(self.atoms, pairs, energy, results["forces"])
        self.results, results.unlisted[OUTSIDE_KEY] = results, sentences(self.findings)
        if prediction.spread is not None:
            results.unlisted |= _deviations(prediction.spread, of_energies=potential.energy_std_by == "committee")
        self._react(potential.name, self.findings)
        stress = prediction.stress[0].numpy()
        if not np.isnan(stress).any():
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)
        elif "stress" in properties:
            raise PropertyNotImplementedError(
                "stress needs a volume, but this cell has none: "
                f"{self.atoms.cell.array.tolist()}; give the structure a cell with three vectors"
            )
        if self._dispersion is not None:
            summed = Results(with_contribution(results, self._dispersion.evaluate(self.atoms)))
            summed.unlisted = results.unlisted
            self.results = summed
        if not set(properties).isdisjoint(DEVIATIONS):
            self._add_last_layer()

    def _evaluated(self, potential: Potential, atoms: Atoms) -> tuple[TensorPrediction, NeighborPairs | None]:
        """Prediction on the host, and the edges of the graph, or None where nothing about them is outside."""
        if self.resident:
            system = checked_system(atoms, potential.header, name=potential.name)
            step = self._own.resident_on(potential).evaluate(system)
            if step is not None:
                pairs = find_pairs(system, potential.header.graph, skin=self._own.skin) if step.alarm else None
                return step.prediction, pairs
        prepared = potential.prepare(atoms, skin=self._own.skin)
        return prediction_to_host(potential.evaluate(prepared.system, prepared.graph)), prepared.pairs

    def _add_last_layer(self) -> None:
        """Add to the results what the last layer of the model tells, if energies are by this method."""
        potential, atoms = self.potential, self.atoms
        if potential.energy_std_by != "last_layer" or atoms is None:
            return
        prepared = potential.prepare(atoms, skin=self._own.skin)
        spread = spread_to_host(potential.last_layer_spread(prepared.system, prepared.graph))
        assert isinstance(self.results, Results)
        self.results.unlisted |= _deviations(spread, of_energies=True)

    def evaluate_many(
        self, structures: Sequence[Atoms]
    ) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
        """Evaluate several structures in few passes through the network; ASE's results are not changed.

        Args:
            structures: of any kind and size.

        Returns:
            Of each: energy (eV), forces (n_atoms, 3) in eV/Å, stress (3, 3) in eV/Å³, NaN without a volume.

        Raises:
            StructureError, ElementNotCoveredError, MemoryLimitError, OutsideError: as for one structure.
        """
        potential = self._load(structures[0])
        n_atoms = {len(atoms) for atoms in structures}
        potential.expect(len(structures), n_atoms=max(n_atoms))
        skin = VerletSkin() if len(n_atoms) == 1 < len(structures) else None
        judged = potential.predict_judged(structures, batch_size=_together(structures), skin=skin)
        self.findings_of_many = tuple(finding for _, findings in judged for finding in findings)
        self._react(potential.name, self.findings_of_many)
        found = []
        for atoms, (prediction, _) in zip(structures, judged, strict=True):
            assert prediction.forces is not None
            assert prediction.stress is not None
            one = (float(prediction.energy[0]), prediction.forces.numpy(), prediction.stress[0].numpy())
            if self._dispersion is not None:
                added = self._dispersion.evaluate(atoms)
                one = (one[0] + added.energy, one[1] + added.forces, one[2] + added.stress)
            found.append(one)
        return found

    def _react(self, model: str, findings: tuple[Finding, ...]) -> None:
        """Log findings of a new kind, and raise an error, as the user chose."""
        if not findings:
            return
        action = OUTSIDE[self.outside]
        stopping = [finding.message for finding in findings if finding.stops]
        if action.stops and stopping:
            self.results = {}
            raise OutsideError(f"outside of the training data of {model}: {'; '.join(stopping)}")
        for check, message, *_ in findings:
            if action.warns and check not in self._reported:
                self._reported.add(check)
                log.warning("outside of the training data of %s: %s", model, message)

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
        return [name for name, of in DECISIVE.items() if differ(of(known), of(atoms), tol)]

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
                    uncertainty=self._uncertainty,
                )
            if self.resident:
                check_resident(self._potential)
            _warn_of_differences(self._potential)
            self._declare_deviations(self._potential)
            if self._dispersion is not None:
                check_counted_once(self._potential.name, self._dispersion.record.name)
        return self._potential

    def _declare_deviations(self, potential: Potential) -> None:
        """Make ASE accept the names of the standard deviations that this potential has."""
        if potential.energy_std_by is not None:
            given = DEVIATIONS[:2] if potential.forces_std_by is None else DEVIATIONS
            self.implemented_properties = [*self.implemented_properties, *given]


def _deviations(spread: Spread, *, of_energies: bool) -> dict[str, Any]:
    """Standard deviations of one structure under their names in results; those that it does not have are left out."""
    found: dict[str, Any] = {}
    if of_energies:
        found = {"energy_std": float(spread.energy[0]), "energies_std": spread.atomic_energy.numpy()}
    if spread.forces is not None:
        found["forces_std"] = spread.forces.numpy()
    if spread.stress is not None and not bool(spread.stress.isnan().any()):
        found["stress_std"] = float(spread.stress[0])
    return found


ATOMS_TOGETHER: Final = 256
"""Structures are evaluated together up to about this number of atoms; larger batches are not faster on a CPU."""


def _together(structures: Sequence[Atoms]) -> int:
    """Number of structures that are evaluated together."""
    return max(1, ATOMS_TOGETHER // max(max(len(atoms) for atoms in structures), 1))


def _warn_of_differences(potential: Potential) -> None:
    differences = potential.header.model.training_differences
    if differences:
        log.warning(
            "model %s was trained with %s; here, forces and stress are the exact derivatives of its energy",
            potential.name,
            "; ".join(differences),
        )
