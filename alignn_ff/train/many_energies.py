"""Energies of many samples, a batch at a time, without derivatives."""

from collections.abc import Sequence

import torch
from torch import Tensor

from alignn_ff.execution.backends import BACKENDS, BackendName, built
from alignn_ff.execution.contract import Limits
from alignn_ff.models import EnergyModel
from alignn_ff.train.records.batches import Sample, join


@torch.no_grad()
def energies_of(
    model: EnergyModel, family: str, samples: Sequence[Sample], batch_size: int, *, backend: BackendName = "eager"
) -> Tensor:
    """(n_samples,) eV, total energies, on the CPU.

    Args:
        model: on its device.
        family: of the model.
        samples: one structure each, at least one.
        batch_size: structures evaluated at once.
        backend: that can run the model.

    Raises:
        CompilerError: the backend has to be compiled, and cannot.
    """
    execution = BACKENDS[backend].of(family)
    assert execution is not None
    evaluate = built(execution, model, Limits())
    device = next(model.parameters()).device
    energies = []
    for first in range(0, len(samples), batch_size):
        batch = join([samples[k] for k in range(first, min(first + batch_size, len(samples)))]).to(device)
        energies.append(evaluate(batch.system, batch.graph, derivatives=False).energy)
    return torch.cat(energies).cpu()
