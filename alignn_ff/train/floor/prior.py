"""The floor in the loss: a few of its structures in every step, evaluated without forces."""

import random
from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff.models import EnergyModel
from alignn_ff.train.distributed.ranks import Ranks, share_of
from alignn_ff.train.model_outputs import evaluate
from alignn_ff.train.records.batches import Sample, join
from alignn_ff.train.records.resident import ResidentSamples

TOLERANCE_EV: Final = 0.05
"""Depth below the floor, eV/atom, up to which the cost is a parabola; far below it grows as a logarithm only."""

KEPT_WITHIN_EV: Final = 0.3
"""Distance from the energy that a structure keeps, eV/atom, that costs nothing: the start need not be right, and data
know better; what is kept out are energies that have nothing to do with it."""

NEGLIGIBLE_EV: Final = 0.005
"""Depth, eV/atom, from which a structure counts as below the floor."""

N_REPORTED: Final = 256
"""Structures whose depth is reported after each epoch."""


class FloorPrior(NamedTuple):
    """Structures that are held above the floor.

    Attributes:
        samples: the energy of their targets, eV, in total, is the floor where it is not known, and else the energy
            that the structure keeps.
        batch_size: number of structures in each step.
        weight: of the cost in the loss.
        seed: decides, with the step, which structures a step sees.
        resident: the samples on the device of the steps; None: they are on the host only.
    """

    samples: Sequence[Sample]
    batch_size: int
    weight: float
    seed: int
    resident: ResidentSamples | None = None

    def cost(self, model: EnergyModel, step: int, ranks: Ranks, device: torch.device) -> Tensor | None:
        """Cost of one step, the part of this rank; None where it has none.

        ½ ln(1 + (d/d0)²) per structure, d the depth of its energy below the floor per atom, or what its distance from
        the energy that it keeps exceeds ``KEPT_WITHIN_EV`` by. Its slope is bounded, so that one deep hole does not
        drown the data, and never zero, so that it is filled.
        """
        chosen = self.drawn(step, ranks)
        if not chosen:
            return None
        batch = (
            join([self.samples[i] for i in chosen]).to(device) if self.resident is None else self.resident.batch(chosen)
        )
        return self.cost_of(model, batch, len(chosen))

    def drawn(self, step: int, ranks: Ranks) -> Sequence[int]:
        """Which structures a step sees, the part of this rank."""
        generator = random.Random(f"floor/{self.seed}/{step}")  # noqa: S311 - no secrets
        return share_of(generator.sample(range(len(self.samples)), self._n_drawn), ranks)

    def cost_of(self, model: EnergyModel, batch: Sample, n_structures: int) -> Tensor:
        """Cost of the first ``n_structures`` of a batch; see :meth:`cost`."""
        depth = depth_below(model, batch, training=True)[:n_structures]
        return self.weight * 0.5 * torch.log1p((depth / TOLERANCE_EV).square()).sum() / self._n_drawn

    @property
    def _n_drawn(self) -> int:
        return min(self.batch_size, len(self.samples))

    def row(self, model: EnergyModel, device: torch.device) -> dict[str, float]:
        """Columns of the history, of the first ``N_REPORTED`` structures.

        The part of those with a floor that lie below it and the deepest of them; by how much, on average, those that
        keep an energy are farther from it than they may.
        """
        shown, size = self.samples[:N_REPORTED], 64
        parts = [shown[start : start + size] for start in range(0, len(shown), size)]
        with torch.no_grad():
            off = torch.cat([depth_below(model, join(part).to(device), training=False) for part in parts])
        kept = torch.cat([sample.targets.known["energy"] for sample in shown]).to(off.device)
        columns = {}
        if bool((~kept).any()):
            depths = off[~kept]
            deep = (depths > NEGLIGIBLE_EV).double().mean()
            columns = {"floor_below_fraction": float(deep), "floor_deepest_eV_per_atom": float(depths.max())}
        if bool(kept.any()):
            columns["kept_energy_excess_eV_per_atom"] = float(off[kept].mean())
        return columns


def depth_below(model: EnergyModel, batch: Sample, *, training: bool) -> Tensor:
    """(n_structures,) eV/atom by which each energy lies below its floor, or too far from the energy that it keeps."""
    energy = evaluate(model, batch.system, batch.graph, derivatives=False, training=training).energy
    assert energy is not None
    below = (batch.targets.values["energy"] - energy) / batch.graph.n_atoms
    off = torch.where(batch.targets.known["energy"], below.abs() - KEPT_WITHIN_EV, below)
    return off.clamp(min=0.0)
