"""Energies of many samples, a batch at a time, without derivatives."""

import logging
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from alignn_ff.errors import CompilerError
from alignn_ff.execution.backends import BACKENDS, why_not
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.models import EnergyModel
from alignn_ff.train.records.batches import Sample, join

log = logging.getLogger(__name__)

FEWEST_ATOMS: Final = 50_000
"""With fewer atoms, compiling (once per machine, some seconds) would take longer than it saves."""


@torch.no_grad()
def energies_of(
    model: EnergyModel, family: str, samples: Sequence[Sample], batch_size: int, *, kernels: str = "torch"
) -> Tensor:
    """(n_samples,) eV, total energies, on the CPU.

    Args:
        model: on its device.
        family: of the model.
        samples: one structure each, at least one.
        batch_size: structures evaluated at once.
        kernels: as in the training config; ``auto`` and ``native`` take C++ kernels for many atoms, which give the
            energies of torch but for rounding in a fifth of the time. Only config and data decide.

    Raises:
        CompilerError: ``kernels`` is native, and there is no compiler.
    """
    n_atoms = sum(len(sample.graph.atomic_numbers) for sample in samples)
    evaluate = _evaluation(model, family, kernels if n_atoms >= FEWEST_ATOMS else "torch")
    device = next(model.parameters()).device
    energies = []
    for first in range(0, len(samples), batch_size):
        batch = join([samples[k] for k in range(first, min(first + batch_size, len(samples)))]).to(device)
        energies.append(evaluate(batch.system, batch.graph, derivatives=False).energy)
    return torch.cat(energies).cpu()


def _evaluation(model: EnergyModel, family: str, kernels: str) -> Evaluate:
    if kernels in ("auto", "native") and why_not("native", family, model) is None:
        try:
            return _built("native", family, model)
        except CompilerError as error:
            if kernels == "native":
                raise
            log.warning("energies of the start use torch only: %s", error)
    return _built("eager", family, model)


def _built(backend: str, family: str, model: EnergyModel) -> Evaluate:
    execution = BACKENDS[backend].of(family)
    assert execution is not None
    return execution.build(model, Limits())
