"""Outputs of a model of any kind in training: the same for force fields and property models.

In: a model, structures with their graphs. Out: ``ModelOutputs``, which the rows of ``LABELS`` read.
"""

from typing import NamedTuple

from torch import Tensor

from alignn_ff.graph import AtomicGraph, AtomicSystem, edge_vectors
from alignn_ff.models import (
    EnergyModel,
    PropertyModel,
    predict_as_published_with_heads,
    predict_with_heads,
)


class ModelOutputs(NamedTuple):
    """Outputs of a batch, float64; None where the model has no such output.

    Attributes:
        energy: (n_systems,) eV, total.
        forces: (n_atoms, 3) eV/Å.
        stress: (n_systems, 3, 3) eV/Å³, NaN for structures without a volume.
        target: (n_systems, n) outputs of a structure as the loss reads them: of a zero-inflated model logits and
            means, of a classification log-probabilities.
        reported: (n_systems, n) the same as the model file reports them.
        atomwise: (n_atoms, k). additional: (n_systems, m).
    """

    energy: Tensor | None = None
    forces: Tensor | None = None
    stress: Tensor | None = None
    target: Tensor | None = None
    reported: Tensor | None = None
    atomwise: Tensor | None = None
    additional: Tensor | None = None


def evaluate(
    model: EnergyModel | PropertyModel,
    system: AtomicSystem,
    graph: AtomicGraph,
    *,
    derivatives: bool,
    training: bool,
) -> ModelOutputs:
    """All outputs of a model.

    Args:
        model: on the device of the rest.
        system, graph: one structure or several.
        derivatives: also forces and stress, if the model is a force field.
        training: keep everything differentiable; forces and stress as the published training defines them, where
            the model's config chooses that.
    """
    if isinstance(model, EnergyModel):
        published = training and model.trains_as_published
        differentiate = predict_as_published_with_heads if published else predict_with_heads
        prediction, heads = differentiate(model, system, graph, derivatives=derivatives, create_graph=training)
        return ModelOutputs(prediction.energy, prediction.forces, prediction.stress, **heads._asdict())
    raw, heads = model.raw_with_heads(graph, edge_vectors(system, graph))
    return ModelOutputs(target=raw, reported=model.reported(raw), **heads._asdict())
