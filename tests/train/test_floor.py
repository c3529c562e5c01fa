"""The energy floor: below all training structures, hard to fall through, and taught by every step."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.graph import GraphRecipe
from alignn_ff.train import train, validate_config
from alignn_ff.train.floor.law import LARGEST_STIFFNESS_EV, EnergyFloor, compression, fit_volumes, measure_floor
from alignn_ff.train.floor.structures import LATTICES, generate, lattice
from alignn_ff.train.records.batches import build_sample
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import elements_of, summarise_training_set
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import Silent, assert_same_weights, small_config


def record(atoms: Atoms, energy: float | None = None) -> Record:
    """A structure with an energy, of EMT where none is given."""
    if energy is None:
        atoms = atoms.copy()
        atoms.calc = EMT()
        energy = atoms.get_potential_energy()
    return Record("", atoms, energy, None, None, "")


def alloys() -> list[Record]:
    """Copper, gold and their alloys of EMT, from 0.7 to 1.2 of their volumes."""
    records = []
    for symbols, a in (("Cu4", 3.6), ("Au4", 4.06), ("Cu3Au", 3.7), ("CuAu3", 3.95)):
        for factor in np.linspace(0.7, 1.2, 8):
            atoms = bulk("Cu", a=a * factor ** (1 / 3), cubic=True)
            atoms.set_chemical_symbols(Atoms(symbols).get_chemical_symbols())
            records.append(record(atoms))
    return records


def floor_of(records: list[Record], references: tuple[float, ...]) -> EnergyFloor:
    """The floor of records as of a training set."""
    pairs = ((one, build_sample(one, GraphRecipe(cutoff=4.0, three_body_cutoff=3.0))) for one in records)
    return measure_floor(summarise_training_set(pairs, elements_of(records)), references)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "data.xyz", copper_frames())


def test_compression_is_murnaghan_and_ends_smoothly_at_the_atomic_volume():
    x = np.linspace(0.3, 1.5, 241)
    pressure = -np.gradient(compression(x), x)
    expected = np.where(x < 1, (x**-4 - 1) / 4, 0.0)
    assert np.allclose(pressure[1:-1], expected[1:-1], atol=2e-2, rtol=2e-3)
    assert compression(np.array([1.0, 1.3])).tolist() == [0.0, 0.0]


def test_the_floor_lies_below_all_training_structures():
    floor = floor_of(alloys(), (0.3, -0.2))
    above = [r.energy - floor.energy_eV(r.atoms) for r in alloys()]
    assert min(above) > -1e-9
    assert set(floor.systems) == {"Au", "Cu", "Au-Cu"}
    assert all(0 < found.stiffness_eV <= LARGEST_STIFFNESS_EV for found in floor.systems.values())


def test_a_soft_dense_structure_of_the_data_lowers_the_floor():
    hard = [record(bulk("Cu", a=3.6 * f, cubic=True), -10.0 + 100 * (1 - f)) for f in (0.85, 0.9, 0.95, 1.0)]
    soft = record(bulk("Cu", "bcc", a=2.3, cubic=True), -4.999)  # half the atoms, half the volume per atom
    before, after = (floor_of(records, (0.0,)) for records in (hard, [*hard, soft]))
    assert before.systems["Cu"].stiffness_eV == LARGEST_STIFFNESS_EV
    assert 0 <= after.systems["Cu"].stiffness_eV < 0.01
    assert after.energy_eV(soft.atoms) <= soft.energy


def test_combinations_that_were_not_seen_have_the_floor_of_everything():
    floor = floor_of(alloys()[:16], (0.0, 0.0))  # the elements only
    mixed = Atoms("CuAu", [[0, 0, 0], [0, 0, 2.6]])
    assert floor.energy_eV(mixed) == pytest.approx(2 * min(found.lowest_eV for found in floor.systems.values()))


def test_atomic_volumes_follow_from_structures_of_ordinary_density():
    generator = np.random.default_rng(0)
    composition = generator.integers(0, 5, (60, 3)) + 1.0
    volumes = composition @ np.array([10.0, 17.0, 25.0])
    volumes[::6] *= 0.5
    volumes[1] = np.nan
    assert fit_volumes(composition, volumes) == pytest.approx([10.0, 17.0, 25.0])
    assert fit_volumes(composition, np.full(60, np.nan)) is None


def test_structures_follow_from_seed_and_number_and_cover_all_densities():
    floor = floor_of(alloys(), (0.0, 0.0))
    first, longer, other = generate(floor, 80, seed=1), generate(floor, 90, seed=1), generate(floor, 80, seed=2)
    assert all(a == b for a, b in zip(first, longer, strict=False))
    assert not all(a == b for a, b in zip(first, other, strict=True))
    relative = [a.get_volume() / floor.volume_A3(a.get_chemical_symbols()) for a in first if a.pbc.any()]
    assert min(relative) < 0.5
    assert max(relative) > 1.6
    assert {1, 2, 3, 4, 5} <= {len(a) for a in first}
    assert any(not a.pbc.any() for a in first)
    assert {frozenset(a.get_chemical_symbols()) for a in first} >= {frozenset({"Cu"}), frozenset({"Cu", "Au"})}


@pytest.mark.parametrize("name", LATTICES)
def test_lattices_have_the_volume_that_is_asked_for(name: str):
    atoms = lattice(name, ["Si"], 14.0)
    assert atoms.get_volume() / len(atoms) == pytest.approx(14.0)
    assert set(atoms.get_chemical_symbols()) == {"Si"}


def history(folder: Path) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = json.loads((folder / "history.json").read_text())["rows"]
    return rows


@pytest.mark.config_field("floor_structures", "floor_batch_size", "floor_weight")
def test_structures_below_the_floor_are_lifted(tmp_path: Path, data: Path):
    """Untaught, a network of copper near its lattice puts some dense structures far below it."""
    common = {"learning_rate": 0.01, "epochs": 6, "floor_structures": 60}
    hardly = small_config(tmp_path / "hardly", **common, floor_weight=1e-9)
    taught = small_config(tmp_path / "taught", **common)
    more = small_config(tmp_path / "more", **common, floor_batch_size=30)
    for config in (hardly, taught, more):
        train(config, observer=Silent(), data=data)
    ends = [history(tmp_path / name)[-1] for name in ("hardly", "taught", "more")]
    fractions = [row["floor_below_fraction"] for row in ends]
    assert fractions[0] > fractions[1]
    assert fractions[0] > fractions[2]
    assert ends[2]["train_total_loss"] != ends[1]["train_total_loss"]


@pytest.mark.config_field("floor_data")
def test_structures_of_the_user_are_lifted_as_well(tmp_path: Path, data: Path):
    floor = floor_of([record(frame) for frame in copper_frames()], (0.0,))
    ase.io.write(tmp_path / "dense.xyz", generate(floor, 60, seed=1))
    changes = {"floor_data": str(tmp_path / "dense.xyz"), "epochs": 6, "learning_rate": 0.01}
    train(small_config(tmp_path / "hardly", **changes, floor_weight=1e-9), observer=Silent(), data=data)
    train(small_config(tmp_path / "with", **changes), observer=Silent(), data=data)
    before, after = (history(tmp_path / name)[-1]["floor_below_fraction"] for name in ("hardly", "with"))
    assert after < before
    train(small_config(tmp_path / "without", epochs=1), observer=Silent(), data=data)
    assert "floor_below_fraction" in history(tmp_path / "with")[-1]
    assert "floor_below_fraction" not in history(tmp_path / "without")[-1]


@pytest.mark.config_field("floor_labels")
def test_fine_tuning_on_narrow_data_keeps_what_the_start_knew(tmp_path: Path, data: Path):
    train(small_config(tmp_path / "start", epochs=6, learning_rate=0.01), observer=Silent(), data=data)
    frames = copper_frames(3)
    for atoms in frames:  # another potential, of one lattice only
        soft = {name: 0.3 * np.asarray(value) for name, value in atoms.calc.results.items()}
        atoms.calc = SinglePointCalculator(atoms, **soft)
    narrow = write_frames(tmp_path / "narrow.xyz", frames)
    kept = {}
    for labels, weight in (("start", 1e-9), ("start", 30.0)):
        changes = {"start_from": str(tmp_path / "start" / "best_model.pt"), "cross_validation": None, "n_train": 3}
        changes |= {
            "n_val": 0,
            "n_test": 0,
            "floor_structures": 40,
            "floor_labels": labels,
            "floor_weight": weight,
            "floor_batch_size": 40,
        }
        config = small_config(tmp_path / f"{labels}{weight}", **changes, epochs=60, learning_rate=0.01)
        train(config, observer=Silent(), data=narrow)
        kept[weight] = history(tmp_path / f"{labels}{weight}")[-1]["kept_energy_excess_eV_per_atom"]
    assert kept[30.0] < 0.7 * kept[1e-9]
    with pytest.raises(ConfigError, match="starts from no model"):
        validate_config({"floor_labels": "start"})


def test_a_stopped_run_with_a_floor_resumes_to_the_same_weights(tmp_path: Path, data: Path):
    class Stop(BaseException):
        pass

    class Stopper(Silent):
        def on_epoch(self, row):
            raise Stop

    changes = {"floor_structures": 20, "epochs": 2, "checkpoint_minutes": 1e-6}
    train(small_config(tmp_path / "whole", **changes), observer=Silent(), data=data)
    with pytest.raises(Stop):
        train(small_config(tmp_path / "parts", **changes), observer=Stopper(), data=data)
    train(small_config(tmp_path / "parts", **changes), observer=Silent(), data=data, resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_unknown_elements_and_models_without_an_energy_are_refused(tmp_path: Path, data: Path):
    ase.io.write(tmp_path / "gold.xyz", bulk("Au"))
    with pytest.raises(
        DataError, match=r"gold\.xyz, structure 0, holds Au, which the training data lack; they hold Cu"
    ):
        train(small_config(tmp_path / "run", floor_data=str(tmp_path / "gold.xyz")), observer=Silent(), data=data)
    with pytest.raises(ConfigError, match="hold energies above a floor"):
        validate_config({"floor_structures": 5, "model": {"name": "alignn"}})
