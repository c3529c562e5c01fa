"""The structures of a floor with their graphs and the floor of each, as the trainer takes them."""

from collections.abc import Iterator
from pathlib import Path

from ase import Atoms
from ase.data import chemical_symbols

from alignn_ff.errors import DataError
from alignn_ff.graph import GraphRecipe
from alignn_ff.io import read_structures
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.floor.law import EnergyFloor
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.floor.structures import generate
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.targets import LabelShapes
from alignn_ff.train.run_data import named_samples


def floor_prior(config: TrainingConfig, floor: EnergyFloor, recipe: GraphRecipe, shapes: LabelShapes) -> FloorPrior:
    """The prior that a config asks for.

    Args:
        config: of the run.
        floor: of its training set.
        recipe: of its graphs.
        shapes: of the labels of its data.

    Raises:
        DataError: ``floor_data`` cannot be used.
    """
    records = [
        Record(name, atoms, energy=floor.energy_eV(atoms), forces=None, stress=None, group="")
        for name, atoms in _structures(config, floor)
    ]
    return FloorPrior(
        samples=named_samples(records, recipe, shapes),
        batch_size=config.floor_batch_size,
        weight=config.floor_weight * config.model.outputs.weights["energy"],
        seed=config.random_seed,
    )


def _structures(config: TrainingConfig, floor: EnergyFloor) -> Iterator[tuple[str, Atoms]]:
    for index, atoms in enumerate(generate(floor, config.floor_structures, seed=config.random_seed)):
        yield f"structure {index} of the floor", atoms
    if config.floor_data is None:
        return
    path = Path(config.floor_data)
    for index, atoms in enumerate(read_structures(path, allow_close_atoms=True)):
        unknown = sorted({chemical_symbols[z] for z in atoms.numbers} - set(floor.references))
        if unknown:
            raise DataError(
                f"floor_data {path.name}, structure {index}, holds {', '.join(unknown)}, which the training data "
                f"lack; they hold {', '.join(floor.references)}"
            )
        yield f"{path.name}:{index}", atoms
