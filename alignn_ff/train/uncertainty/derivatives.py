"""Deviations of forces and stress from a last layer, from the forces that the model was trained on.

In: a model and labelled structures. Out: for each quantity the factor of the last layer, with the scale and the
regulariser that fit the errors on held-out structures.
"""

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.execution import derivative_rows
from alignn_ff.graph import AtomicGraph, AtomicSystem
from alignn_ff.models import EnergyModel, Posterior, Products, label_products, posterior_factor, predict
from alignn_ff.train.records.batches import Sample, join
from alignn_ff.train.records.targets import Targets
from alignn_ff.train.uncertainty.calibration import Measured, best_factor, best_nll

REGULARISERS: Final = tuple(10.0**power for power in range(-12, 1))
"""Values that are tried, in units of the mean of the diagonal of the matrix."""

MOST_ATOMS: Final = 1000
"""Inputs of forces cost many backward passes; about this number of held-out atoms is enough to fit a scale."""

MOST_TRAINING_ATOMS: Final = 1500
"""Of the training structures, whose forces give F and M."""

USUAL_FEATURES: Final = 64
"""Of wider layers, whose inputs take a backward pass each, fewer atoms are evaluated in proportion."""

FEWEST: Final = 2
"""Fewer errors fix no scale."""

BATCH: Final = 8

BY_SYMMETRY: Final = 1e-3
"""Deviations below this part of a large one (the 95th percentile) are rounding: forces that are zero by symmetry, which
hold nothing about a scale."""

AXES: Final = {"forces": (3, "eV/Å"), "stress": (6, "eV/Å³")}
"""Quantity → number of independent components of an error, unit."""


class Fitted(NamedTuple):
    """Scale and regulariser of a quantity, the factor of V, and the errors beside the deviations that follow."""

    posterior: Posterior
    factor: Tensor
    measured: Measured


class Labelled(NamedTuple):
    """Rows of labels, (n, components, n_features), beside the errors of a model, (n, components)."""

    rows: Tensor
    errors: Tensor


def thinned(n_atoms: Sequence[int], most: int = MOST_ATOMS) -> list[int]:
    """Places of structures that hold about so many atoms together, evenly spaced.

    Args:
        n_atoms: of each structure.
        most: atoms in all.
    """
    step = max(1, -(-sum(n_atoms) // most))
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


def best_posterior(candidates: Sequence[Products], rows: Tensor, errors: Tensor, *, n_axes: int, unit: str) -> Fitted:
    """Sums over training labels, scale and regulariser that make errors most likely.

    Args:
        candidates: F and M of training labels; each is tried too with equal errors of all labels.
        rows: (n, components, n_features) of held-out labels.
        errors: (n,) lengths of their errors.
        n_axes: number of components of an error that are independent.
        unit: of the errors.
    """
    lengths, best = np.asarray(errors.double().cpu().numpy()), (np.inf, Posterior(1.0, 0.0), torch.zeros(0))
    equal = [seen._replace(weighted=seen.rows) for seen in candidates]
    for seen, ridge in itertools.product([*candidates, *equal], REGULARISERS):
        factor = posterior_factor(seen, ridge)
        measured = _deviations(rows, factor, lengths, n_axes, unit)
        if (nll := best_nll(measured)) < best[0]:
            best = (nll, Posterior(best_factor(measured), ridge), factor)
    _, posterior, factor = best
    return Fitted(posterior, factor, _deviations(rows, factor, lengths, n_axes, unit).times(posterior.scale))


def _deviations(rows: Tensor, factor: Tensor, errors: NDArray[np.float64], n_axes: int, unit: str) -> Measured:
    deviations = (rows.double() @ factor).square().sum((1, 2)).sqrt()
    return Measured(errors, np.asarray(deviations.cpu().numpy()), n_axes, unit)


def fitted_derivatives(
    model: EnergyModel,
    training: Sequence[Sample],
    held_out: Sequence[Sample],
    of_energies: Products,
    device: torch.device,
) -> dict[str, Fitted]:
    """Factors, scales and regularisers of "forces" and "stress", of those that are labelled.

    Args:
        model: one model with a linear last layer, on the device.
        training: structures that it was trained on; some of them are evaluated.
        held_out: structures that it was not trained on; some of them are evaluated.
        of_energies: F and M of the energies, a candidate beside those of forces.
        device: where the network runs.
    """
    share = min(1.0, USUAL_FEATURES / len(of_energies.rows))
    rows, errors = _labelled(model, training, device, round(share * MOST_TRAINING_ATOMS))["forces"]
    candidates = [label_products(rows, errors), of_energies] if bool(rows.any()) else [of_energies]
    found = dict[str, Fitted]()
    for name, (rows, errors) in _labelled(model, held_out, device, round(share * MOST_ATOMS)).items():
        kept = torch.from_numpy(_not_rounding(rows.square().sum((1, 2)).sqrt().numpy()))
        if int(kept.sum()) >= FEWEST:
            n_axes, unit = AXES[name]
            lengths = errors[kept].norm(dim=1)
            found[name] = best_posterior(candidates, rows[kept], lengths, n_axes=n_axes, unit=unit)
    return found


def _labelled(
    model: EnergyModel, samples: Sequence[Sample], device: torch.device, most_atoms: int
) -> dict[str, Labelled]:
    """Rows and errors of forces and stresses of some structures, evenly spaced."""
    known = [sample for sample in samples if any(bool(sample.targets.known[name].any()) for name in AXES)]
    chosen = [known[place] for place in thinned([int(sample.graph.n_atoms.sum()) for sample in known], most_atoms)]
    parts: dict[str, list[Labelled]] = {name: [] for name in AXES}
    for start in range(0, len(chosen), BATCH):
        system, graph, targets = join(chosen[start : start + BATCH]).to(device)
        for name, part in _rows(model, system, graph, targets).items():
            parts[name].append(part)
    nothing = Labelled(torch.zeros(0, 1, 1), torch.zeros(0, 1))
    joined = {name: zip(*each, strict=True) for name, each in parts.items() if each}
    return {name: Labelled(*map(torch.cat, joined[name])) if name in joined else nothing for name in AXES}


def _rows(model: EnergyModel, system: AtomicSystem, graph: AtomicGraph, targets: Targets) -> dict[str, Labelled]:
    """What is labelled and finite of a few structures."""
    predicted = predict(model, system, graph)
    of_forces, of_stress = derivative_rows(model, system, graph)
    found = {}
    for name, rows, value in (("forces", of_forces, predicted.forces), ("stress", of_stress, predicted.stress)):
        assert value is not None
        errors = (value - targets.values[name]).detach().double().reshape(rows.shape[:2])
        known = targets.known[name] & rows.isfinite().all(2).all(1) & errors.isfinite().all(1)
        found[name] = Labelled(rows[known].detach().cpu(), errors[known].cpu())
    return found
