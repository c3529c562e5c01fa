"""Potential = model + graph recipe + device + dtype + execution backend.

In: structures. Out: predictions. The calculator, dynamics and evaluation use it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import torch
from ase import Atoms

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header, SpreadFactors, UncertaintyMethod
from alignn_ff.display import Sheet
from alignn_ff.domain import DomainGuard, Evaluated, Finding
from alignn_ff.errors import (
    ConfigError,
    DifferentiationError,
    PropertyModelError,
)
from alignn_ff.execution import BackendName, Executor, Limits, has_last_layer, last_layer_spread
from alignn_ff.forks import refuse_lost_threads
from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    Spread,
    TensorPrediction,
    VerletSkin,
)
from alignn_ff.graph.neighbors import FloatArray, NeighborPairs
from alignn_ff.loading import (
    LoadedModel,
    ModelSource,
    Precision,
    UncertaintyWord,
    cast_network,
    open_model,
    select_device,
)
from alignn_ff.models import EnergyModel
from alignn_ff.prediction import Prediction, prediction_of
from alignn_ff.preparing import Prepared, batch_on, prepare_structure, split_prediction, structures_in


class Potential(LoadedModel):
    """A model, loaded for evaluation.

    Threads can share it. It can be pickled and copied: a pickle holds the weights, in the form of a model file, with
    device, dtype, backend and limits. Where it is read, it needs no file, but the same device and, for a family from
    outside the package, the module of that family.

    Attributes:
        name: of the model, for messages and provenance.
        header: config, graph recipe, elements, training domain, provenance.
        source: the file that the model was read from; None if it was made in memory.
        model: the network on ``device``, its parameters in ``dtype``.
        device: of the network.
        dtype: of the network; geometry and energy sums are always float64.
        executor: holds the backend and the memory limits.
        guard: compares structures with the training data.
        uncertainty: standard deviations that it gives: "energy", or "forces", which adds those of forces and stress
            from the last layer of one model. A committee has all of them in either case.

    Raises:
        ConfigError: the backend cannot run the model, or the model has no standard deviations of forces.
    """

    def __init__(
        self,
        name: str,
        header: Header,
        model: EnergyModel,
        *,
        device: torch.device,
        dtype: torch.dtype,
        backend: BackendName = "auto",
        limits: Limits | None = None,
        source: ModelSource | None = None,
        uncertainty: UncertaintyWord = "energy",
    ) -> None:
        self.name = name
        self.source = source
        self.header = header
        self.device = device
        self.dtype = dtype
        self.model = cast_network(model, dtype).to(device)
        self.guard = DomainGuard(header)
        self.uncertainty = uncertainty
        _check_uncertainty(self)
        self.executor = Executor(self.model, header.model, backend=backend, limits=limits, dtype=dtype, device=device)

    @property
    def limits(self) -> Limits:
        """Limits of an evaluation: those requested, or lower ones after memory ran out."""
        return self.executor.limits

    @property
    def backend(self) -> str:
        """Name of the backend, a key of ``execution.BACKENDS``."""
        return self.executor.backend

    @property
    def n_members(self) -> int:
        """Number of models whose mean this is; 1 if it is not a committee."""
        return len(self.model.members)

    @property
    def energy_std_by(self) -> UncertaintyMethod | None:
        """Method of the standard deviations of energies: the one that the model file calls better calibrated."""
        if self.header.uncertainty.energy_by is not None:
            return self.header.uncertainty.energy_by
        if self.n_members > 1:
            return "committee"
        return "last_layer" if has_last_layer(self.model) else None

    @property
    def forces_std_by(self) -> UncertaintyMethod | None:
        """Method of the standard deviations of forces and stress: the members of a committee, else as asked for."""
        if self.n_members > 1:
            return "committee"
        return "last_layer" if self.uncertainty == "forces" else None

    def sheet(self) -> Sheet:
        """As of any model, with its backend and where standard deviations come from."""
        base = super().sheet()
        own = {"backend": self.backend, "standard_deviations": self.energy_std_by or "none"}
        return base._replace(facts={**base.facts, **own})

    def expect(self, n_evaluations: int, *, n_atoms: int) -> None:
        """Announce a long run: compiles a faster backend if that saves time and no backend was requested by name.

        The choice depends only on these arguments, not on timings, so a repeated run uses the same backend.

        Args:
            n_evaluations: number of evaluations to come.
            n_atoms: number of atoms of the structure.
        """
        self.executor.expect(n_evaluations, n_atoms=n_atoms)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the weights and the settings; executor and kernels are made again from them."""
        settings = {"device": self.device, "dtype": self.dtype, "limits": self.limits, "source": self.source}
        settings["uncertainty"] = self.uncertainty
        weights = checkpoint.to_bytes(self.header, self.model.state_dict())
        return restored, (self.name, weights, {**settings, "backend": self.executor.requested}, self.backend)

    def predict(
        self, structures: Iterable[Atoms], *, derivatives: bool = True, batch_size: int = 32, spread: bool = False
    ) -> list[Prediction]:
        """Energy, forces and stress of structures, as numbers and NumPy arrays.

        Args:
            structures: ASE Atoms, also a single one in a list.
            derivatives: also forces and stress.
            batch_size: structures evaluated at once.
            spread: also standard deviations of a last layer, if these are better calibrated than those of a committee,
                which always come; see :meth:`spread`.

        Returns:
            One per structure, in the given order: energy in eV (float), forces (n_atoms, 3) in eV/Å, stress (3, 3) in
            eV/Å³ and more; see :class:`alignn_ff.prediction.Prediction`.

        Raises:
            StructureError: a structure is not valid.
            ElementNotCoveredError: an element that the model does not cover.
        """
        judged = self.predict_judged(structures, derivatives=derivatives, batch_size=batch_size, spread=spread)
        return [prediction_of(tensors, findings) for tensors, findings in judged]

    def predict_tensors(
        self, structures: Iterable[Atoms], *, derivatives: bool = True, batch_size: int = 32, spread: bool = False
    ) -> list[TensorPrediction]:
        """As :meth:`predict`, as tensors: of a batch of one structure each, on the CPU, without autograd history."""
        judged = self.predict_judged(structures, derivatives=derivatives, batch_size=batch_size, spread=spread)
        return [tensors for tensors, _ in judged]

    def predict_judged(
        self,
        structures: Iterable[Atoms],
        *,
        derivatives: bool = True,
        batch_size: int = 32,
        skin: VerletSkin | None = None,
        spread: bool = False,
    ) -> list[tuple[TensorPrediction, tuple[Finding, ...]]]:
        """As :meth:`predict_tensors`, with what is outside of the training data in each structure.

        Args:
            structures, derivatives, batch_size, spread: as for :meth:`predict`.
            skin: reused from structure to structure, for those that differ little; results do not depend on it.
        """
        structures = structures_in(structures)
        judged: list[tuple[TensorPrediction, tuple[Finding, ...]]] = []
        for start in range(0, len(structures), batch_size):
            part = structures[start : start + batch_size]
            inputs = [self.prepare_on_host(atoms, skin=skin) for atoms in part]
            system, graph = batch_on(self.device, inputs)
            batch = self.evaluate(system, graph, derivatives=derivatives)
            if spread:
                batch = batch._replace(spread=self.spread(batch, system, graph))
            predictions = split_prediction(batch, [len(atoms) for atoms in part])
            for atoms, item, each in zip(part, inputs, predictions, strict=True):
                forces = None if each.forces is None else each.forces.numpy()
                judged.append((each, self.outside(atoms, item.pairs, float(each.energy[0]), forces)))
        return judged

    def outside(
        self, atoms: Atoms, pairs: NeighborPairs | None, energy_eV: float, forces_eV_per_A: FloatArray | None
    ) -> tuple[Finding, ...]:
        """What is outside of the training data in an evaluated structure.

        Args:
            atoms: the structure.
            pairs: the edges of its graph; None where it is known that nothing about them is outside.
            energy_eV: total.
            forces_eV_per_A: (n_atoms, 3); None if not computed.
        """
        return self.guard.findings(Evaluated(atoms, pairs, energy_eV, forces_eV_per_A))

    def evaluate(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool = True) -> TensorPrediction:
        """Prediction for prepared input on this potential's device: numbers, without autograd history.

        That of a committee is the mean of its members, with their standard deviations, which are multiplied by the
        factors of the model file.

        Raises:
            MemoryLimitError: it does not fit into memory.
            DifferentiationError: positions or cell require gradients, which no backend supports.
        """
        self._refuse_gradients(system)
        prediction = self.executor.evaluate(system, graph, derivatives=derivatives)
        if prediction.spread is None:
            return prediction
        return prediction._replace(spread=scaled(prediction.spread, self.header.uncertainty.factors))

    def spread(self, prediction: TensorPrediction, system: AtomicSystem, graph: AtomicGraph) -> Spread | None:
        """Standard deviations of a prediction, energies by the better calibrated method; None without any method.

        Where the last layer gives those of energies, this costs another pass through the network, without derivatives;
        where it gives those of forces, a backward pass for each of its inputs.

        Args:
            prediction: result of :meth:`evaluate`.
            system, graph: that it belongs to.
        """
        if self.energy_std_by != "last_layer":
            return prediction.spread
        found, members = self.last_layer_spread(system, graph), prediction.spread
        return found if members is None else members._replace(energy=found.energy, atomic_energy=found.atomic_energy)

    def last_layer_spread(self, system: AtomicSystem, graph: AtomicGraph) -> Spread:
        """Standard deviations from the last layer of a model that has its record."""
        return last_layer_spread(self.model, system, graph, derivatives=self.forces_std_by == "last_layer")

    def _refuse_gradients(self, system: AtomicSystem) -> None:
        if torch.is_grad_enabled() and (system.positions.requires_grad or system.cell.requires_grad):
            raise DifferentiationError(
                f"the positions or the cell require gradients, but the backend {self.backend!r} returns numbers "
                "without history. Forces and stress already are the derivatives of its energy; to differentiate them "
                "again (Hessians, training), use the eager alignn_ff.models.predict(potential.model, system, graph, "
                "create_graph=True)"
            )

    def prepare(self, atoms: Atoms, *, skin: VerletSkin | None = None) -> Prepared:
        """Check a structure, build its graph, and put both on the device.

        Args:
            atoms: the structure.
            skin: reused for all steps of a run, it makes this several times faster; the result does not depend on it.

        Raises:
            StructureError: the structure is not valid.
            ElementNotCoveredError: an element that the model does not cover.
            MemoryLimitError: its evaluation does not fit into memory.
        """
        return self.prepare_on_host(atoms, skin=skin).to(self.device)

    def prepare_on_host(self, atoms: Atoms, *, skin: VerletSkin | None = None) -> Prepared:
        """As :meth:`prepare`, on the CPU: for structures that go to the device together."""
        return prepare_structure(atoms, self.header, name=self.name, skin=skin, admit=self.executor.admit_structure)


def _check_uncertainty(potential: Potential) -> None:
    """Check that a potential has the standard deviations that it was asked for."""
    words = get_args(UncertaintyWord)
    if potential.uncertainty not in words:
        raise ConfigError(f"uncertainty is {potential.uncertainty!r}; allowed are {', '.join(words)}")
    if potential.uncertainty == "forces" and potential.energy_std_by is None:
        raise ConfigError(
            f"standard deviations of forces are asked for, but {potential.name} has none: add those of its last layer "
            "(alignn-ff uncertainty MODEL DATA --training DATA -o FILE), or use a committee"
        )


def scaled(spread: Spread, factors: SpreadFactors) -> Spread:
    """Standard deviations multiplied by the factors of a model file."""
    forces = None if spread.forces is None else factors.forces * spread.forces
    stress = None if spread.stress is None else factors.stress * spread.stress
    return Spread(factors.energy * spread.energy, factors.energy * spread.atomic_energy, forces, stress)


def restored(name: str, weights: bytes, settings: dict[str, Any], backend: str) -> Potential:
    """A potential from its pickle, on the same backend if that can be compiled here.

    Args:
        name: of the model.
        weights: in the form of a model file.
        settings: further arguments of :class:`Potential`.
        backend: that was in use.

    Raises:
        ConfigError: there is no such device here.
        ForkedProcessError: this process was forked after its parent had used torch's threads.
    """
    refuse_lost_threads(select_device(str(settings["device"])))
    header, model = checkpoint.from_bytes(weights, name=name)
    assert isinstance(model, EnergyModel)
    potential = Potential(name, header, model, **settings)
    if potential.backend != backend:
        potential.executor.use_if_possible(backend)
    return potential


def load_potential(
    name_or_path: str | Path,
    *,
    device: str = "auto",
    dtype: Precision = "float32",
    backend: BackendName = "auto",
    limits: Limits | None = None,
    for_atoms: Atoms | None = None,
    uncertainty: UncertaintyWord = "energy",
) -> Potential:
    """Load a model by zoo name, file or folder.

    Args:
        name_or_path: a name of the zoo, a model file, a training output folder; text without a separator is a
            path only if no model has that name. "auto" selects a shipped model that covers ``for_atoms``.
        device: "auto" (GPU if there is one), "cpu", "cuda", "cuda:1", …
        dtype: of the network.
        backend: how the model is executed; "auto" selects the fastest one that starts without compiling.
        limits: memory that an evaluation may use; None means no limit.
        for_atoms: structure for which "auto" selects a model.
        uncertainty: standard deviations that are computed; "forces" adds those of forces and stress from the last layer
            of one model, which cost a backward pass per input of this layer wherever deviations are asked for.

    Raises:
        ModelNotFoundError, CheckpointError, PropertyModelError, ElementNotCoveredError, ConfigError
    """
    opened = open_model(name_or_path, device=device, dtype=dtype, for_atoms=for_atoms)
    name, header, model = opened.name, opened.header, opened.model
    if not isinstance(model, EnergyModel):
        raise PropertyModelError(
            f"{name} is a property model ({header.model.name}): its output is not an energy with forces; "
            f"use `alignn-ff predict {name} STRUCTURES`"
        )
    return Potential(
        name,
        header,
        model,
        device=opened.device,
        dtype=opened.dtype,
        backend=backend,
        limits=limits,
        source=opened.source,
        uncertainty=uncertainty,
    )
