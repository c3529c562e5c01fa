"""Potential = model + graph recipe + device + dtype + execution backend: the energy that everything above shares.

In: structures. Out: predictions. The calculator, dynamics, evaluation and training all come through here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from alignn_ff.checkpoint import Header
from alignn_ff.errors import (
    DifferentiationError,
    ElementNotCoveredError,
    PropertyModelError,
)
from alignn_ff.execution import BackendName, Executor, Limits
from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    GraphRecipe,
    Prediction,
    VerletSkin,
    batch_graphs,
    batch_systems,
    build_graph,
    graph_to,
    system_from_atoms,
    system_to,
    with_extra_features,
)
from alignn_ff.loading import Precision, cast_network, open_model
from alignn_ff.models import EnergyModel


class Potential:
    """A model that is ready to be evaluated.

    Attributes:
        name: of the model, for messages and provenance.
        header: config, graph recipe, elements, training domain, provenance.
        model: the network on ``device``, its parameters in ``dtype``.
        device: where it runs.
        dtype: of the network; geometry and energy sums are float64 always.
        executor: owns backend, limits and what memory allows.
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
    ) -> None:
        self.name = name
        self.header = header
        self.device = device
        self.dtype = dtype
        self.model = cast_network(model, dtype).to(device)
        self.executor = Executor(self.model, header.model, backend=backend, limits=limits, dtype=dtype, device=device)

    @property
    def limits(self) -> Limits:
        """What an evaluation may use now: what was asked for, or less after memory ran out."""
        return self.executor.limits

    @property
    def backend(self) -> str:
        """How the model is executed, a name of ``execution.BACKENDS``."""
        return self.executor.backend

    def expect(self, n_evaluations: int, *, n_atoms: int) -> None:
        """Announce a long run: compiles a faster backend if that pays and none was asked for by name.

        What was announced decides, not a timing, so a run that is repeated takes the same backend again.

        Args:
            n_evaluations: how many are to come.
            n_atoms: of the structure.
        """
        self.executor.expect(n_evaluations, n_atoms=n_atoms)

    def predict(
        self, structures: Sequence[Atoms], *, derivatives: bool = True, batch_size: int = 32
    ) -> list[Prediction]:
        """Energy, forces and stress of structures.

        Args:
            structures: ASE Atoms.
            derivatives: also forces and stress.
            batch_size: structures evaluated at once.

        Returns:
            One prediction per structure, on the CPU, in the given order.

        Raises:
            StructureError: a structure makes no sense.
            ElementNotCoveredError: an element that the model does not cover.
        """
        predictions: list[Prediction] = []
        for start in range(0, len(structures), batch_size):
            inputs = [self.prepare(atoms) for atoms in structures[start : start + batch_size]]
            batch = self.evaluate(
                batch_systems([item.system for item in inputs]),
                batch_graphs([item.graph for item in inputs]),
                derivatives=derivatives,
            )
            predictions.extend(split_prediction(batch, [len(item.system.positions) for item in inputs]))
        return predictions

    def evaluate(self, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool = True) -> Prediction:
        """Prediction for prepared input on this potential's device: numbers, without autograd history.

        Raises:
            MemoryLimitError: it cannot fit.
            DifferentiationError: positions or cell require gradients, which no backend returns.
        """
        self._refuse_gradients(system)
        return self.executor.evaluate(system, graph, derivatives=derivatives)

    def _refuse_gradients(self, system: AtomicSystem) -> None:
        if torch.is_grad_enabled() and (system.positions.requires_grad or system.cell.requires_grad):
            raise DifferentiationError(
                f"the positions or the cell require gradients, but the backend {self.backend!r} gives numbers without "
                "history. Forces and stress are the derivatives of its energy already; to differentiate them again "
                "(Hessians, training), take the eager alignn_ff.models.predict(potential.model, system, graph, "
                "create_graph=True)"
            )

    def prepare(self, atoms: Atoms, *, skin: VerletSkin | None = None) -> "Prepared":
        """Check a structure and build its graph.

        Args:
            atoms: the structure.
            skin: one for the steps of a run makes this several times cheaper; the result does not depend on it.

        Raises:
            StructureError: the structure makes no sense.
            ElementNotCoveredError: an element that the model does not cover.
            MemoryLimitError: its evaluation cannot fit.
        """
        return prepare_structure(
            atoms, self.header, name=self.name, device=self.device, skin=skin, admit=self.executor.admit_structure
        )


class Prepared(NamedTuple):
    """A structure as the network reads it."""

    system: AtomicSystem
    graph: AtomicGraph


def prepare_structure(
    atoms: Atoms,
    header: Header,
    *,
    name: str,
    device: torch.device,
    skin: VerletSkin | None = None,
    admit: Callable[[AtomicSystem, GraphRecipe], None] | None = None,
) -> Prepared:
    """Check a structure against what a model covers, and build its graph.

    Args:
        atoms: the structure; an array ``extra_features`` goes along.
        header: of the model.
        name: of the model, for messages.
        device: where the model runs.
        skin: serves the steps of a run.
        admit: raises where the evaluation cannot fit, before the graph is built.

    Raises:
        StructureError: the structure makes no sense.
        ElementNotCoveredError: an element that the model does not cover.
    """
    system = system_from_atoms(atoms)
    unknown = sorted(set(np.unique(atoms.numbers).tolist()) - set(header.elements))
    if unknown:
        raise ElementNotCoveredError(
            f"model {name!r} covers {', '.join(chemical_symbols[z] for z in header.elements)}, but the "
            f"structure has {', '.join(chemical_symbols[z] for z in unknown)}; "
            "`alignn-ff zoo list` shows the elements of other models"
        )
    if admit is not None:
        admit(system, header.graph)
    graph = with_extra_features(build_graph(system, header.graph, skin=skin), atoms)
    return Prepared(system_to(system, device), graph_to(graph, device))


def load_potential(
    name_or_path: str | Path,
    *,
    device: str = "auto",
    dtype: Precision = "float32",
    backend: BackendName = "auto",
    limits: Limits | None = None,
    for_atoms: Atoms | None = None,
) -> Potential:
    """Load a model by zoo name, file or folder.

    Args:
        name_or_path: a name of the zoo, a model file, a training output folder; "auto" takes the shipped
            model that fits ``for_atoms``.
        device: "auto" (GPU if there is one), "cpu", "cuda", "cuda:1", …
        dtype: of the network.
        backend: how the model is executed; "auto" takes the fastest one that starts at once.
        limits: what an evaluation may use; None means no limit.
        for_atoms: structure that "auto" chooses a model for.

    Raises:
        ModelNotFoundError, CheckpointError, PropertyModelError, ElementNotCoveredError, ConfigError
    """
    opened = open_model(name_or_path, device=device, dtype=dtype, for_atoms=for_atoms)
    name, header, model = opened.name, opened.header, opened.model
    if not isinstance(model, EnergyModel):
        raise PropertyModelError(
            f"{name} is a property model ({header.model.name}): its output is not an energy that forces derive from; "
            f"predict with it by `alignn-ff predict {name} STRUCTURES`"
        )
    return Potential(name, header, model, device=opened.device, dtype=opened.dtype, backend=backend, limits=limits)


def split_prediction(batch: Prediction, n_atoms: Sequence[int]) -> list[Prediction]:
    """One prediction per structure, on the CPU."""
    atomic = batch.atomic_energy.cpu().split(list(n_atoms))
    forces = [None] * len(n_atoms) if batch.forces is None else batch.forces.cpu().split(list(n_atoms))
    stress = [None] * len(n_atoms) if batch.stress is None else batch.stress.cpu().split(1)
    energy = batch.energy.cpu().split(1)
    return [Prediction(e, a, f, s) for e, a, f, s in zip(energy, atomic, forces, stress, strict=True)]
