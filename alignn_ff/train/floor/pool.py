"""The structures of a floor with their graphs and the floor of each, as the trainer takes them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch
from ase import Atoms
from ase.data import chemical_symbols
from torch import Tensor

from alignn_ff.errors import DataError
from alignn_ff.graph import GraphRecipe
from alignn_ff.io import read_structures
from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.floor.law import EnergyFloor
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.floor.structures import generate
from alignn_ff.train.many_energies import energies_of
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.targets import LabelShapes, Targets
from alignn_ff.train.run_data import named_samples

KEPT_ABOVE_FLOOR_EV: Final = (0.3, 6.0)
"""Energies above the floor, eV/atom, that a structure keeps. Nearer to the ground state the data know better; far
above it nothing but the floor is asked for."""


def floor_prior(
    config: TrainingConfig,
    floor: EnergyFloor,
    model: EnergyModel | PropertyModel,
    recipe: GraphRecipe,
    shapes: LabelShapes,
) -> FloorPrior:
    """The prior that a config asks for.

    Args:
        config: of the run.
        floor: of its training set.
        model: before the first step.
        recipe: of its graphs.
        shapes: of the labels of its data.

    Raises:
        DataError: ``floor_data`` cannot be used.
    """
    records = [
        Record(name, atoms, energy=floor.energy_eV(atoms), forces=None, stress=None, group="")
        for name, atoms in _structures(config, floor)
    ]
    samples = named_samples(records, recipe, shapes)
    model.eval()
    if config.floor_labels == "start" and isinstance(model, EnergyModel):
        samples = _with_energies_of(model, config.model.name, samples, config.floor_batch_size)
    else:
        samples = [_labelled(sample, sample.targets.values["energy"], kept=False) for sample in samples]
    return FloorPrior(
        samples=samples,
        batch_size=config.floor_batch_size,
        weight=config.floor_weight * config.model.outputs.weights["energy"],
        seed=config.random_seed,
    )


def _with_energies_of(model: EnergyModel, family: str, samples: Sequence[Sample], batch_size: int) -> list[Sample]:
    """Structures that keep the energies of a model, where these are above the floor and not far above."""
    lowest, highest = KEPT_ABOVE_FLOOR_EV
    energies = energies_of(model, family, samples, batch_size)
    found = []
    for sample, energy in zip(samples, energies.split(1), strict=True):
        floor = sample.targets.values["energy"]
        above = (energy.to(floor) - floor) / len(sample.graph.atomic_numbers)
        kept = bool(((above > lowest) & (above < highest)).all())
        found.append(_labelled(sample, energy.to(floor) if kept else floor, kept=kept))
    return found


def _labelled(sample: Sample, energy: Tensor, *, kept: bool) -> Sample:
    """The sample with a bound of its energy, or with an energy that it keeps."""
    known = {**sample.targets.known, "energy": torch.tensor([kept])}
    return sample._replace(targets=Targets({**sample.targets.values, "energy": energy}, known))


def _structures(config: TrainingConfig, floor: EnergyFloor) -> Iterator[tuple[str, Atoms]]:
    for index, atoms in enumerate(generate(floor, config.floor_structures, seed=config.random_seed)):
        yield f"structure {index} of the floor", atoms
    if config.floor_data is None:
        return
    path, known = Path(config.floor_data), floor.elements
    for index, atoms in enumerate(read_structures(path, allow_close_atoms=True)):
        unknown = sorted({chemical_symbols[z] for z in atoms.numbers} - {*known})
        if unknown:
            raise DataError(
                f"floor_data {path.name}, structure {index}, holds {', '.join(unknown)}, which the training data "
                f"lack; they hold {', '.join(known)}"
            )
        yield f"{path.name}:{index}", atoms
