"""Predictor: all outputs of a model for structures, whether a force field or a property model.

In: structures. Out: scalars, vectors, classes with probabilities, values per atom. Energies of a force field come from
the same potential as in its calculator.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.domain import DomainGuard, Evaluated, Finding
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.forks import refuse_lost_threads
from alignn_ff.graph import edge_vectors
from alignn_ff.loading import ModelSource, Precision, cast_network, open_model, select_device
from alignn_ff.models import EnergyModel, Heads, PropertyModel
from alignn_ff.potential import Potential
from alignn_ff.preparing import batch_on, prepare_structure, structures_in

FloatArray = NDArray[np.float64]


class Predicted(NamedTuple):
    """Outputs of a model for one structure; None for outputs that it does not have.

    Attributes:
        energy_eV: total energy of a force field.
        values: (n_outputs,) outputs of a property model, in the unit of its training data.
        probabilities: (n_classes,) of a classification.
        predicted_class: the most probable class, from 0.
        atomwise: (n_atoms, n) outputs per atom.
        additional: (n,) further outputs per structure.
        outside: in which ways the structure is outside of the training data; None where that was not asked.
    """

    energy_eV: float | None = None
    values: FloatArray | None = None
    probabilities: FloatArray | None = None
    predicted_class: int | None = None
    atomwise: FloatArray | None = None
    additional: FloatArray | None = None
    outside: tuple[Finding, ...] | None = None

    def to_json(self) -> dict[str, object]:
        """Names with numbers, lists and units; outputs that the model does not have are left out."""
        present = {name: value for name, value in self._asdict().items() if value is not None}
        if self.outside is not None:
            present["outside"] = [finding.to_json() for finding in self.outside]
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in present.items()}


class Predictor:
    """A model of any kind, loaded for evaluation. It can be pickled and copied like a :class:`Potential`.

    Attributes:
        name: of the model, for messages.
        header: config, graph recipe, elements, provenance.
        source: the file that the model was read from; None if it was made in memory.
        model: on ``device``, its parameters in ``dtype``.
        device, dtype: of the network.
        guard: compares structures with the training data.
        potential: of a force field; None for a property model.

    Raises:
        ConfigError: a backend or limits are given for a property model.
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
        source: ModelSource | None = None,
    ) -> None:
        self.name, self.header, self.source, self.device, self.dtype = name, header, source, device, dtype
        self.model = cast_network(model, dtype).to(device)
        self.guard = DomainGuard(header)
        self.potential = None
        if isinstance(model, EnergyModel):
            execution = {"device": device, "dtype": dtype, "backend": backend, "limits": limits}
            self.potential = Potential(name, header, model, **execution, source=source)  # type: ignore[arg-type]
        elif backend not in ("auto", "eager") or limits is not None:
            raise ConfigError(
                f"{name} is a property model ({header.model.name}), to which backend and "
                "memory_limit do not apply; leave them out"
            )

    def __getstate__(self) -> dict[str, Any]:
        weights = None
        if self.potential is None:
            weights = checkpoint.to_bytes(self.header, self.model.state_dict())
        return {**vars(self), "model": weights}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.potential is not None:
            self.model = self.potential.model
            return
        refuse_lost_threads(select_device(str(self.device)))
        self.model = checkpoint.from_bytes(state["model"], name=self.name).model.to(self.device)

    def predict(self, structures: Iterable[Atoms], *, batch_size: int = 32) -> list[Predicted]:
        """Outputs of each structure, in the given order.

        Raises:
            StructureError: a structure is not valid.
            ElementNotCoveredError: an element that the model does not cover.
        """
        structures = structures_in(structures)
        outputs: list[Predicted] = []
        for start in range(0, len(structures), batch_size):
            outputs += self._batch(structures[start : start + batch_size])
        return outputs

    def _batch(self, structures: Sequence[Atoms]) -> list[Predicted]:
        if self.potential is None:
            return self._by_model(structures)
        judged = self.potential.predict_judged(structures, derivatives=False, batch_size=len(structures))
        heads = self._by_model(structures) if self._has_heads() else [Predicted()] * len(structures)
        return [
            head._replace(energy_eV=float(each.energy[0]), outside=findings)
            for head, (each, findings) in zip(heads, judged, strict=True)
        ]

    def _has_heads(self) -> bool:
        """Whether a force field has outputs in addition to the energy."""
        outputs = self.header.model.outputs
        return outputs.n_atomwise > 0 or outputs.n_additional > 0

    @torch.no_grad()
    def _by_model(self, structures: Sequence[Atoms]) -> list[Predicted]:
        """Outputs in addition to an energy, evaluated without a backend."""
        prepared = [prepare_structure(a, self.header, name=self.name) for a in structures]
        system, graph = batch_on(self.device, prepared)
        main, heads = self.model.with_heads(graph, edge_vectors(system, graph))
        main, heads = main.cpu(), Heads(*(None if head is None else head.cpu() for head in heads))
        if self.potential is not None:
            parts = [Predicted()] * len(structures)
        else:
            classifies = self.header.model.outputs.classifies
            parts = [_classes(row) if classifies else Predicted(values=_numbers(row)) for row in main]
            evaluated = [Evaluated(a, item.pairs) for a, item in zip(structures, prepared, strict=True)]
            parts = [p._replace(outside=self.guard.findings(e)) for p, e in zip(parts, evaluated, strict=True)]
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
        backend: how a force field is executed; "auto" selects the fastest one that starts without compiling.
        limits: memory that an evaluation of a force field may use; None means no limit.

    Raises:
        ModelNotFoundError, CheckpointError, ConfigError, CompilerError
    """
    opened = open_model(name_or_path, device=device, dtype=dtype)
    return Predictor(
        opened.name,
        opened.header,
        opened.model,
        device=opened.device,
        dtype=opened.dtype,
        backend=backend,
        limits=limits,
        source=opened.source,
    )


def _classes(output: Tensor) -> Predicted:
    """From log-probabilities of all classes, or from one probability of class 1."""
    if output.shape[0] == 1:
        probabilities = np.array([1.0 - float(output[0]), float(output[0])])
    else:
        probabilities = _numbers(output.exp())
    return Predicted(probabilities=probabilities, predicted_class=int(probabilities.argmax()))


def _numbers(tensor: Tensor) -> FloatArray:
    numbers: FloatArray = tensor.double().cpu().numpy()
    return numbers
