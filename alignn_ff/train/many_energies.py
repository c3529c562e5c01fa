"""Energies of many samples, a batch at a time, without derivatives."""

from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor

from alignn_ff.execution.backends import BACKENDS, BackendName, built
from alignn_ff.execution.contract import Limits
from alignn_ff.models import EnergyModel
from alignn_ff.train.records.batches import Sample, join


@torch.no_grad()
def energies_of(
    model: EnergyModel, family: str, samples: Iterable[Sample], batch_size: int, *, backend: BackendName = "eager"
) -> Tensor:
    """(n_samples,) eV, total energies, on the CPU.

    Args:
        model: on its device.
        family: of the model.
        samples: one structure each; a batch of them is held at a time.
        batch_size: structures evaluated at once.
        backend: that can run the model.

    Raises:
        CompilerError: the backend has to be compiled, and cannot.
    """
    execution = BACKENDS[backend].of(family)
    assert execution is not None
    evaluate = built(execution, model, Limits())
    device = next(model.parameters()).device
    energies, left = [], iter(samples)
    while some := list(islice(left, batch_size)):
        batch = join(some).to(device)
        energies.append(evaluate(batch.system, batch.graph, derivatives=False).energy)
    return torch.cat(energies).cpu() if energies else torch.zeros(0, dtype=torch.float64)
