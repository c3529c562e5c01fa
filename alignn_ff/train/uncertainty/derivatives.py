"""Scales of the deviations of forces and stress from a last layer, fitted to errors on held-out structures.

In: a model with the matrix of its last layer, and labelled structures. Out: scale and regulariser of both quantities.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.execution import derivatives_along
from alignn_ff.graph import AtomicGraph, AtomicSystem
from alignn_ff.models import EnergyModel, Posterior, predict, principal, regularised
from alignn_ff.train.records.batches import Sample, join
from alignn_ff.train.records.targets import Targets
from alignn_ff.train.uncertainty.calibration import Measured, best_factor, best_nll

REGULARISERS: Final = tuple(10.0**power for power in range(-12, 1))
"""Values that are tried, in units of the mean of the diagonal of the matrix."""

MOST_ATOMS: Final = 1000
"""Deviations of forces cost many backward passes; about this number of atoms is enough to fit a scale."""

FEWEST: Final = 2
"""Fewer errors fix no scale."""

BATCH: Final = 8

BY_SYMMETRY: Final = 1e-3
"""Deviations below this part of a large one (the 95th percentile) are rounding: forces that are zero by symmetry, which
hold nothing about a scale."""

AXES: Final = {"forces": (3, "eV/Å"), "stress": (6, "eV/Å³")}
"""Quantity → number of components of an error, unit."""


class Fitted(NamedTuple):
    """Scale and regulariser of a quantity, and the errors beside the deviations that follow."""

    posterior: Posterior
    measured: Measured


def thinned(n_atoms: Sequence[int]) -> list[int]:
    """Places of structures that hold about :data:`MOST_ATOMS` atoms together, evenly spaced.

    Args:
        n_atoms: of each structure.
    """
    step = max(1, -(-sum(n_atoms) // MOST_ATOMS))
    return list(range(0, len(n_atoms), step))


def informative(measured: Measured) -> Measured:
    """Without the errors of forces and stresses that are zero by symmetry."""
    kept = _not_rounding(measured.deviations)
    return measured._replace(errors=measured.errors[kept], deviations=measured.deviations[kept])


def _not_rounding(deviations: NDArray[np.float64]) -> NDArray[np.bool_]:
    if not len(deviations):
        return np.zeros(0, dtype=bool)
    large: NDArray[np.bool_] = deviations > BY_SYMMETRY * np.quantile(deviations, 0.95)
    return large


def best_posterior(values: Tensor, along: Tensor, errors: Tensor, *, n_axes: int, unit: str) -> Fitted:
    """Scale and regulariser that make errors most likely.

    Args:
        values: (n_features,) eigenvalues of the matrix.
        along: (n, n_features) squares along its eigenvectors, summed over the components of each error.
        errors: (n,) lengths of the errors.
        n_axes: number of components of an error.
        unit: of the errors.
    """
    lengths, tried = np.asarray(errors.double().cpu().numpy()), dict[float, Measured]()
    for ridge in REGULARISERS:
        deviations = (along / regularised(values, ridge)).sum(1).sqrt()
        tried[ridge] = Measured(lengths, np.asarray(deviations.cpu().numpy()), n_axes, unit)
    chosen = min(tried, key=lambda ridge: best_nll(tried[ridge]))
    scale = best_factor(tried[chosen])
    return Fitted(Posterior(scale, chosen), tried[chosen].times(scale))


def fitted_derivatives(model: EnergyModel, held_out: Sequence[Sample], device: torch.device) -> dict[str, Fitted]:
    """Scale and regulariser of "forces" and "stress", of those that are labelled.

    Args:
        model: one model with the matrix of its last layer, on the device.
        held_out: structures that it was not trained on; some of them are evaluated.
        device: where the network runs.
    """
    assert model.last_layer is not None
    values, axes = principal(model.last_layer.covariance)
    labelled = [sample for sample in held_out if any(bool(sample.targets.known[name].any()) for name in AXES)]
    chosen = [labelled[place] for place in thinned([int(sample.graph.n_atoms.sum()) for sample in labelled])]
    rows: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in AXES}
    for start in range(0, len(chosen), BATCH):
        system, graph, targets = join(chosen[start : start + BATCH]).to(device)
        for name, pair in _rows(model, system, graph, targets, axes).items():
            rows[name].append(pair)
    found: dict[str, Fitted] = {}
    for name, (n_axes, unit) in AXES.items():
        if not rows[name]:
            continue
        along, errors = (torch.cat(parts) for parts in zip(*rows[name], strict=True))
        kept = torch.from_numpy(_not_rounding(along.sum(1).sqrt().double().numpy()))
        if int(kept.sum()) >= FEWEST:
            found[name] = best_posterior(values.cpu(), along[kept], errors[kept], n_axes=n_axes, unit=unit)
    return found


def _rows(
    model: EnergyModel, system: AtomicSystem, graph: AtomicGraph, targets: Targets, axes: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Quantity → (n, n_features) squares and (n,) lengths of errors, of what is labelled and finite."""
    predicted = predict(model, system, graph)
    assert predicted.forces is not None
    assert predicted.stress is not None
    squares: dict[str, list[Tensor]] = {name: [] for name in AXES}
    for forces, stress in derivatives_along(model, system, graph, axes):
        squares["forces"].append(forces.square().sum(1))
        squares["stress"].append(stress.square().sum((1, 2)))
    found = {}
    for name, value in (("forces", predicted.forces), ("stress", predicted.stress)):
        along, known = torch.stack(squares[name], 1), targets.known[name]
        errors = (value - targets.values[name]).flatten(1).norm(dim=1)
        known = known & along.isfinite().all(1) & errors.isfinite()
        found[name] = (along[known].cpu(), errors[known].cpu())
    return found
