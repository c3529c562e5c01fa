"""Predictor: all outputs of a model for structures, whether a force field or a property model.

In: structures. Out: scalars, vectors, classes with probabilities, values per atom. Energies of a force field come from
the same potential as in its calculator.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.domain import DomainGuard, Evaluated
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.forks import refuse_lost_threads
from alignn_ff.graph import edge_vectors, tensors_to_host
from alignn_ff.loading import LoadedModel, ModelSource, Precision, cast_network, open_model, select_device
from alignn_ff.models import EnergyModel, Heads, PropertyModel
from alignn_ff.potential import Potential
from alignn_ff.prediction import Prediction
from alignn_ff.preparing import batch_on, prepare_structure, structures_in


class Predictor(LoadedModel):
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

    def predict(
        self, structures: Iterable[Atoms], *, derivatives: bool = True, batch_size: int = 32, spread: bool = False
    ) -> list[Prediction]:
        """Outputs of each structure, in the given order, as numbers and NumPy arrays.

        Args:
            structures: ASE Atoms, also a single one in a list.
            derivatives: of a force field, also forces and stress.
            batch_size: structures evaluated at once.
            spread: of a force field, also standard deviations of a last layer; see :meth:`Potential.predict`.

        Returns:
            One per structure; of a force field as by :meth:`Potential.predict`, with its further outputs.

        Raises:
            StructureError: a structure is not valid.
            ElementNotCoveredError: an element that the model does not cover.
        """
        structures = structures_in(structures)
        outputs: list[Prediction] = []
        for start in range(0, len(structures), batch_size):
            part = structures[start : start + batch_size]
            further = self._by_model(part) if self.potential is None or self._has_heads() else None
            if self.potential is not None:
                by_potential = self.potential.predict(
                    part, derivatives=derivatives, batch_size=batch_size, spread=spread
                )
                further = by_potential if further is None else list(map(_with_heads, by_potential, further))
            outputs += further or []
        return outputs

    def _has_heads(self) -> bool:
        """Whether a force field has outputs in addition to the energy."""
        outputs = self.header.model.outputs
        return outputs.n_atomwise > 0 or outputs.n_additional > 0

    @torch.no_grad()
    def _by_model(self, structures: Sequence[Atoms]) -> list[Prediction]:
        """Outputs in addition to an energy, evaluated without a backend."""
        prepared = [prepare_structure(a, self.header, name=self.name) for a in structures]
        system, graph = batch_on(self.device, prepared)
        main, heads = self.model.with_heads(graph, edge_vectors(system, graph))
        main, *rest = tensors_to_host((main, *heads))
        heads, counts = Heads(*rest), [len(a) for a in structures]
        atomwise = [None] * len(counts) if heads.atomwise is None else heads.atomwise.split(counts)
        additional = [None] * len(counts) if heads.additional is None else heads.additional.unbind(0)
        further = [
            Prediction(atomwise=None if a is None else a.numpy(), additional=None if b is None else b.numpy())
            for a, b in zip(atomwise, additional, strict=True)
        ]
        if self.potential is not None:
            return further
        outputs = _classes if self.header.model.outputs.classifies else _values
        evaluated = [Evaluated(a, item.pairs) for a, item in zip(structures, prepared, strict=True)]
        return [
            replace(one, **outputs(row), outside=self.guard.findings(each))
            for one, row, each in zip(further, main, evaluated, strict=True)
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


def _with_heads(prediction: Prediction, heads: Prediction) -> Prediction:
    return replace(prediction, atomwise=heads.atomwise, additional=heads.additional)


def _values(output: Tensor) -> dict[str, Any]:
    return {"values": output.numpy()}


def _classes(output: Tensor) -> dict[str, Any]:
    """From log-probabilities of all classes, or from one probability of class 1."""
    if output.shape[0] == 1:
        probabilities = np.array([1.0 - float(output[0]), float(output[0])])
    else:
        probabilities = output.exp().numpy()
    return {"probabilities": probabilities, "predicted_class": int(probabilities.argmax())}
