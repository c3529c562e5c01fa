"""Predictor: everything that a model says about structures, whether a force field or a property model.

In: structures. Out: scalars, vectors, classes with probabilities, values of atoms. Energies of a force field come from
the same potential that its calculator has.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff import checkpoint, zoo
from alignn_ff.checkpoint import Header
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.graph import batch_graphs, batch_systems, edge_vectors
from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.potential import DTYPES, Potential, Precision, cast_network, prepare_structure, select_device

FloatArray = NDArray[np.float64]


class Outputs(NamedTuple):
    """What a model says about one structure; None where it says nothing.

    Attributes:
        energy_eV: total energy of a force field.
        values: (n_outputs,) outputs of a property model, in the unit of its training data.
        probabilities: (n_classes,) of a classification.
        predicted_class: the most probable class, from 0.
        atomwise: (n_atoms, n) outputs of each atom.
        additional: (n,) further outputs of the structure.
    """

    energy_eV: float | None = None
    values: FloatArray | None = None
    probabilities: FloatArray | None = None
    predicted_class: int | None = None
    atomwise: FloatArray | None = None
    additional: FloatArray | None = None

    def to_json(self) -> dict[str, object]:
        """Names with numbers, lists and units; what the model does not say is left out."""
        said = {name: value for name, value in self._asdict().items() if value is not None}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in said.items()}


class Predictor:
    """A model of any kind, ready to be evaluated.

    Attributes:
        name: of the model, for messages.
        header: config, graph recipe, elements, provenance.
        model: on ``device``, its parameters in ``dtype``.
        device, dtype: where and how the network runs.
        potential: of a force field; None of a property model.

    Raises:
        ConfigError: a property model is asked to run on a backend, or within limits.
    """

    def __init__(
        self,
        name: str,
        header: Header,
        model: EnergyModel | PropertyModel,
        *,
        device: torch.device,
        dtype: torch.dtype,
        backend: BackendName = "auto",
        limits: Limits | None = None,
    ) -> None:
        self.name, self.header, self.device, self.dtype = name, header, device, dtype
        self.model = cast_network(model, dtype).to(device)
        self.potential = None
        if isinstance(model, EnergyModel):
            self.potential = Potential(name, header, model, device=device, dtype=dtype, backend=backend, limits=limits)
        elif backend not in ("auto", "eager") or limits is not None:
            raise ConfigError(
                f"{name} is a property model ({header.model.name}), which runs as it is written alone: a backend or a "
                "memory_limit is for force fields; leave them out"
            )

    def predict(self, structures: Sequence[Atoms], *, batch_size: int = 32) -> list[Outputs]:
        """Outputs of each structure, in the given order.

        Raises:
            StructureError: a structure makes no sense.
            ElementNotCoveredError: an element that the model does not know.
        """
        outputs: list[Outputs] = []
        for start in range(0, len(structures), batch_size):
            outputs += self._batch(structures[start : start + batch_size])
        return outputs

    def _batch(self, structures: Sequence[Atoms]) -> list[Outputs]:
        if self.potential is None:
            return self._by_model(structures)
        said = self.potential.predict(structures, derivatives=False, batch_size=len(structures))
        heads = self._by_model(structures) if self._has_heads() else [Outputs()] * len(structures)
        return [head._replace(energy_eV=float(each.energy[0])) for head, each in zip(heads, said, strict=True)]

    def _has_heads(self) -> bool:
        """Whether a force field says more than an energy."""
        config = self.header.model
        names = ("atomwise_output_features", "additional_output_features")
        return any(getattr(config, name, 0) > 0 for name in names)

    @torch.no_grad()
    def _by_model(self, structures: Sequence[Atoms]) -> list[Outputs]:
        """What the model says besides an energy, as it is written."""
        prepared = [prepare_structure(a, self.header, name=self.name, device=self.device) for a in structures]
        graph = batch_graphs([item.graph for item in prepared])
        vectors = edge_vectors(batch_systems([item.system for item in prepared]), graph)
        main, heads = self.model.with_heads(graph, vectors)
        if self.potential is not None:
            parts = [Outputs()] * len(structures)
        else:
            classifies = bool(getattr(self.header.model, "classification", False))
            parts = [_classes(row) if classifies else Outputs(values=_numbers(row)) for row in main]
        counts = [len(a) for a in structures]
        atomwise = [None] * len(counts) if heads.atomwise is None else heads.atomwise.split(counts)
        additional = [None] * len(counts) if heads.additional is None else heads.additional.unbind(0)
        return [
            part._replace(atomwise=None if a is None else _numbers(a), additional=None if b is None else _numbers(b))
            for part, a, b in zip(parts, atomwise, additional, strict=True)
        ]


def load_predictor(
    name_or_path: str | Path,
    *,
    device: str = "auto",
    dtype: Precision = "float32",
    backend: BackendName = "auto",
    limits: Limits | None = None,
) -> Predictor:
    """Load a model of any kind by zoo name, file or folder.

    Args:
        name_or_path: a name of the zoo, a model file, a folder with one, or a folder of the published package.
        device: "auto" (GPU if there is one), "cpu", "cuda", …
        dtype: of the network.
        backend: how a force field is executed; "auto" takes the fastest one that starts at once.
        limits: what an evaluation of a force field may use; None is no bound.

    Raises:
        ModelNotFoundError, CheckpointError, ConfigError, CompilerError
    """
    loaded = checkpoint.load(zoo.model_file(name_or_path))
    return Predictor(
        str(name_or_path),
        loaded.header,
        loaded.model,
        device=select_device(device),
        dtype=DTYPES[dtype],
        backend=backend,
        limits=limits,
    )


def _classes(output: Tensor) -> Outputs:
    """From log-probabilities of all classes, or from one probability of class 1."""
    if output.shape[0] == 1:
        probabilities = np.array([1.0 - float(output[0]), float(output[0])])
    else:
        probabilities = _numbers(output.exp())
    return Outputs(probabilities=probabilities, predicted_class=int(probabilities.argmax()))


def _numbers(tensor: Tensor) -> FloatArray:
    numbers: FloatArray = tensor.double().cpu().numpy()
    return numbers
