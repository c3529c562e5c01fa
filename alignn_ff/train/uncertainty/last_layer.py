"""What the training data tell of the last layer of a model, kept in its file.

In: a model file, structures that it was trained on, and structures that it was not trained on. Out: the same file with
the factors of the last layer, from the energies of all training structures and the forces of some, and with scales
that fit the errors on the held-out structures: of energies, and of forces and stress where they are labelled.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header, Uncertainty
from alignn_ff.errors import ConfigError, DataError
from alignn_ff.execution import features_of, means_of
from alignn_ff.graph import edge_vectors
from alignn_ff.models import (
    EnergyModel,
    LastLayer,
    LastLayerRecord,
    Products,
    label_products,
    predict,
)
from alignn_ff.train.records.batches import Sample, join
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import check_covered
from alignn_ff.train.records.targets import label_shapes
from alignn_ff.train.run_data import RunData, named_samples
from alignn_ff.train.uncertainty.calibration import with_figures
from alignn_ff.train.uncertainty.derivatives import Fitted, best_posterior, fitted_derivatives

log = logging.getLogger(__name__)

FEWEST_HELD_OUT: Final = 2
"""Fewer structures fix no scale."""


class _Passed(NamedTuple):
    """What a pass over structures gives: (n, n_features) mean inputs, (n,) errors of the energy in eV per atom."""

    features: Tensor
    errors: Tensor


def add_to_trained(file: Path, data: RunData, device: torch.device, *, batch_size: int) -> None:
    """Add what a run's data tell of the last layer to its model file; logs the reason where they tell nothing."""
    try:
        add_last_layer(file, data.training, data.validation, device=device, batch_size=batch_size)
    except (ConfigError, DataError) as error:
        log.info("no uncertainty from the last layer: %s", error)


def add_to_model(
    file: Path, training: Sequence[Record], held_out: Sequence[Record], *, device: torch.device, output: Path
) -> Header:
    """As :func:`add_last_layer`, from records whose graphs are built first.

    Raises:
        ElementNotCoveredError: a record holds an element that the model does not cover.
    """
    header = checkpoint.load(file).header
    advice = "give structures of the elements that it covers"
    check_covered([*training, *held_out], header.elements, file.name, advice=advice)
    shapes = label_shapes([*training, *held_out])
    samples = [named_samples(records, header.graph, shapes) for records in (training, held_out)]
    return add_last_layer(file, *samples, device=device, output=output)


def add_last_layer(
    file: Path,
    training: Sequence[Sample],
    held_out: Sequence[Sample],
    *,
    device: torch.device,
    batch_size: int = 32,
    output: Path | None = None,
) -> Header:
    """Measure what the training data tell of the last layer, and write it with the model.

    Args:
        file: of the model.
        training: structures that the model was trained on; those without an energy do not count.
        held_out: structures that it was not trained on.
        device: where the network runs.
        batch_size: structures evaluated at once.
        output: the file that is written; None replaces ``file``.

    Returns:
        The header of the new file.

    Raises:
        ConfigError: the model is no force field, is a committee, or its family has no linear last layer.
        DataError: too few structures have an energy.
    """
    header, model = checkpoint.load(file)
    if not isinstance(model, EnergyModel):
        raise ConfigError("the model predicts a property, not an energy")
    if len(model.members) > 1:
        raise ConfigError("the model is a committee, whose members were given it when they were trained")
    model.last_layer = None
    model = model.to(device)
    seen, unseen = (_passed(model, samples, device, batch_size) for samples in (training, held_out))
    if not len(seen.errors) or len(unseen.errors) < FEWEST_HELD_OUT:
        raise DataError(
            f"{len(seen.errors)} training structures and {len(unseen.errors)} held-out structures have an energy; at "
            f"least 1 and {FEWEST_HELD_OUT} are needed"
        )
    known = label_products(seen.features, seen.errors)
    fits = {"energy": fitted(known, unseen.features, unseen.errors)}
    fits |= fitted_derivatives(model, training, held_out, known, device)
    layer = model.last_layer = _layer(fits, n_structures=len(seen.errors), n_held_out=len(unseen.errors))
    model = model.cpu()
    found = {f"last_layer {name}": each.measured for name, each in fits.items()}
    uncertainty = with_figures(Uncertainty(energy_by="last_layer"), found)
    header = header.model_copy(update={"last_layer": layer.record, "uncertainty": uncertainty})
    checkpoint.save(output or file, header, model.state_dict())
    return header


def _layer(fits: Mapping[str, Fitted], *, n_structures: int, n_held_out: int) -> LastLayer:
    """The last layer with its factors; a quantity without a fit of its own takes that of energies."""
    energy = fits["energy"]
    forces, stress = (fits[name].posterior if name in fits else None for name in ("forces", "stress"))
    layer = LastLayer(
        LastLayerRecord(len(energy.factor), *energy.posterior, n_structures, n_held_out, forces=forces, stress=stress)
    )
    layer.energy_factor.copy_(energy.factor)
    layer.force_factor.copy_(fits.get("forces", energy).factor)
    layer.stress_factor.copy_(fits.get("stress", energy).factor)
    return layer


def fitted(seen: Products, features: Tensor, errors: Tensor) -> Fitted:
    """Factor, scale and regulariser that make the errors on held-out structures most likely.

    Args:
        seen: F and M of the training structures.
        features, errors: of the held-out structures.
    """
    return best_posterior([seen], features[:, None], errors.abs(), n_axes=1, unit="eV/atom")


@torch.no_grad()
def _passed(model: EnergyModel, samples: Sequence[Sample], device: torch.device, batch_size: int) -> _Passed:
    """Structures with a labelled energy, in few passes through the network."""
    features, errors = [torch.zeros(0, 0, dtype=torch.float64)], [torch.zeros(0, dtype=torch.float64)]
    for start in range(0, len(samples), batch_size):
        part = range(start, min(start + batch_size, len(samples)))
        system, graph, targets = join([samples[i] for i in part]).to(device)
        known = targets.known["energy"]
        if not bool(known.any()):
            continue
        vectors = edge_vectors(system, graph)
        if model.last_layer_features(graph, vectors) is None:
            raise ConfigError(f"the family {type(model).__name__} has no linear last layer")
        predicted = predict(model, system, graph, derivatives=False).energy
        error = (predicted - targets.values["energy"]) / graph.n_atoms
        features.append(means_of(features_of(model, graph, vectors), graph)[known].cpu())
        errors.append(error[known].cpu())
    return _Passed(torch.cat(features[1:] or features), torch.cat(errors))
