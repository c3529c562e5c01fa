"""Energies of many samples, a batch at a time, without derivatives."""

from collections.abc import Sequence

import torch
from torch import Tensor

from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.train.model_outputs import evaluate
from alignn_ff.train.records.batches import Sample, join


@torch.no_grad()
def energies_of(model: EnergyModel | PropertyModel, samples: Sequence[Sample], batch_size: int) -> Tensor:
    """(n_samples,) eV, total energies, on the CPU.

    Args:
        model: a force field, on its device.
        samples: one structure each, at least one.
        batch_size: structures evaluated at once.
    """
    device = next(model.parameters()).device
    energies = []
    for first in range(0, len(samples), batch_size):
        batch = join([samples[k] for k in range(first, min(first + batch_size, len(samples)))]).to(device)
        energy = evaluate(model, batch.system, batch.graph, derivatives=False, training=False).energy
        assert energy is not None
        energies.append(energy)
    return torch.cat(energies).cpu()
