"""Trainers in float64 whose steps also see structures that are held above a floor."""

from collections.abc import Sequence

import torch

from alignn_ff.models import ModelStatistics, build_model
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.loss.loss import build_measure
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.statistics import LabelScales
from alignn_ff.train.trainer.trainer import Trainer


def floor_trainer(
    config: TrainingConfig, samples: Sequence[Sample], validation: Sequence[Sample], device: torch.device
) -> Trainer:
    """A trainer of a model with random weights; the floor of each sample is 9 eV, above its energy."""
    elements = tuple(sorted({int(z) for sample in samples for z in sample.graph.atomic_numbers}))
    statistics = ModelStatistics((-1.0,) * len(elements), 0.7, 20.0, 8.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = build_model(config.model, config.recipe, elements, statistics)
    high = [
        sample._replace(targets=sample.targets.with_values("energy", torch.full((1,), 9.0).double()))
        for sample in samples
    ]
    return Trainer(
        config,
        model.double().to(device),
        training=samples,
        validation=validation,
        measure=build_measure(config, LabelScales(0.2, 0.5, 0.01), {}),
        device=device,
        floor=FloorPrior(high, batch_size=2, weight=1.0, seed=0),
    )
