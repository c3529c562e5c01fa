"""Every path runs on a GPU, without tensors of two devices in one operation and without waiting where it need not.

The GPU is pretended (``tests/support/pretend_gpu.py``), so results are also those of the CPU.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.md.verlet import VelocityVerlet
from numpy.testing import assert_allclose
from torch import Tensor

from alignn_ff import AlignnCalculator
from alignn_ff.calculator.results import DEVIATIONS
from alignn_ff.checkpoint import Header
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BACKENDS
from alignn_ff.graph import system_from_atoms
from alignn_ff.loading import select_device
from alignn_ff.md import MDConfig, run_md
from alignn_ff.md.many import run_many_md
from alignn_ff.models import FAMILIES, ModelStatistics, build_model
from alignn_ff.potential import Potential
from alignn_ff.predictor import Predictor
from alignn_ff.relax import RelaxConfig, RelaxResult, relax
from alignn_ff.relax.many import RelaxFlight
from alignn_ff.relax.many.evaluation import Evaluator, Moving, Numbers
from alignn_ff.relax.resident import ResidentFlight
from alignn_ff.resident_many import Found, ResidentMany
from alignn_ff.testing import structure
from alignn_ff.train import train, validate_config
from alignn_ff.train.loop.averages import StepLoss
from alignn_ff.train.loop.state import load_state
from alignn_ff.train.loop.weight_average import evolving_tensors
from alignn_ff.train.records.batches import Sample, build_sample, join
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.targets import label_shapes
from tests.support.committees import tiny_committee, with_last_layer
from tests.support.floor_trainers import floor_trainer
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.on_gpu import ALLOWED_WAITS, assert_few_waits, on_gpu
from tests.support.pretend_gpu import GPU, Event, MixedDevicesError, PretendGpu, Step
from tests.support.property_networks import LOOP, NETWORK, NO_FORCES
from tests.support.published_headers import HEADERS as PUBLISHED
from tests.support.tiny_models import CONFIG, ELEMENTS, tiny_header, tiny_potential
from tests.support.training_runs import SMALL, Silent, small_config

HEADERS: Final = {
    "smooth": tiny_header(),
    "smooth, moments": tiny_header(config=CONFIG.model_copy(update={"moment_channels": 4})),
    **PUBLISHED,
}

KINDS: Final = ("rattled bulk", "slab without height", "close pair", "free atom")


# the tool


def test_mixtures_raise_waits_are_counted_and_numbers_are_those_of_the_cpu() -> None:
    with PretendGpu() as gpu:
        x = torch.arange(4.0, device=GPU)
        with pytest.raises(MixedDevicesError, match=re.escape("aten.add.Tensor at outside of the package")):
            x + torch.ones(4)
        with pytest.raises(MixedDevicesError):
            x[torch.tensor([0, 1])]
        with pytest.raises((TypeError, RuntimeError)):
            x.numpy()
        assert (x * torch.tensor(2.0)).sum().item() == 12.0
        assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
        assert x[x > 1].shape == torch.nonzero(x > 1).squeeze(1).shape == (2,)
        assert torch.tensor([5.0], device=GPU).cpu().numpy() == [5.0]
    assert Counter(event.what for event in gpu.waits) == {
        "one number": 1,
        "copy to the host": 2,
        "size that depends on numbers": 1,
        "nonzero": 1,
    }
    assert gpu.uploads == [Event("copy to the device", "outside of the package")]


def test_derivatives_of_any_order_stay_on_the_device() -> None:
    with PretendGpu() as gpu:
        x = torch.arange(1.0, 4.0, device=GPU).requires_grad_()
        (slope,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        slope.sum().backward()
        assert x.grad is not None
        assert x.grad.device == GPU
        assert gpu.waits == []
        assert x.grad.tolist() == [6.0, 12.0, 18.0]


# force fields


def backends_of(header: Header) -> list[str]:
    family = header.model.name
    return [name for name in ("eager", "blocked") if BACKENDS[name].of(family) is not None]


CASES: Final = [
    (name, backend)
    for name, header in HEADERS.items()
    for backend in backends_of(header)
    if backend == "eager" or name in ("pure, ZBL", "ealignn")
]


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_a_batch_is_predicted_as_on_the_cpu(name: str, backend: str) -> None:
    header = HEADERS[name]
    structures = [structure(kind, header.elements) for kind in KINDS]
    expected = tiny_potential(header).predict_tensors(structures)
    with PretendGpu() as gpu:
        potential = on_gpu(header, backend)
        with gpu.step() as step:
            found = potential.predict_tensors(structures)
    for here, there in zip(found, expected, strict=True):
        torch.testing.assert_close(tuple(here), tuple(there), rtol=1e-11, atol=1e-11, equal_nan=True)
    assert_few_waits(step)


def test_energies_alone_are_predicted_too() -> None:
    atoms = structure("rattled bulk", ELEMENTS)
    (expected,) = tiny_potential().predict_tensors([atoms], derivatives=False)
    with PretendGpu():
        (found,) = on_gpu(HEADERS["smooth"]).predict_tensors([atoms], derivatives=False)
    assert torch.equal(found.energy, expected.energy)


@pytest.mark.parametrize("name", ["smooth", "atomwise"])
def test_kernels_for_the_cpu_refuse_and_auto_takes_another_backend(name: str) -> None:
    with PretendGpu():
        with pytest.raises(ConfigError, match=r"backend 'native' cannot run this model.*CPU"):
            on_gpu(HEADERS[name], "native")
        assert on_gpu(HEADERS[name]).backend == "eager"


def test_no_model_runs_on_the_device_where_it_is_not_there() -> None:
    with pytest.raises(ConfigError, match="not available here"):
        select_device(str(GPU))


@pytest.mark.parametrize("name", HEADERS)
def test_calculator_dynamics_and_relaxation_wait_once_per_evaluation(name: str) -> None:
    atoms = structure("rattled bulk", ELEMENTS)
    expected = AlignnCalculator(tiny_potential(HEADERS[name]))
    reference = {key: expected.get_property(key, atoms) for key in ("energy", "energies", "forces", "stress")}
    final = moved(atoms, expected)
    with PretendGpu() as gpu:
        calculator = AlignnCalculator(on_gpu(HEADERS[name]))
        with gpu.step() as step:
            calculator.calculate(atoms)
        for key, value in reference.items():
            assert_allclose(calculator.results[key], value, rtol=1e-11, atol=1e-11)
        assert_few_waits(step)
        with gpu.step() as dynamics:
            assert_allclose(moved(atoms, calculator), final, rtol=0, atol=1e-10)
        assert_few_waits(dynamics, most_results=N_STEPS)


@pytest.mark.parametrize("name", ["smooth", "smooth, moments"])
def test_a_structure_that_stays_on_the_device_is_one_copy_there_and_one_back(name: str) -> None:
    atoms = bulk("Si", cubic=True)
    atoms.set_momenta(np.random.default_rng(2).normal(scale=2.0, size=(len(atoms), 3)))
    usual, ends = AlignnCalculator(tiny_potential(HEADERS[name]), outside="ignore"), []
    for _ in range(2):
        usual.calculate(atoms)
        ends.append(usual.results["forces"])
    with PretendGpu() as gpu:
        calculator = AlignnCalculator(on_gpu(HEADERS[name]), resident=True, outside="ignore")
        calculator.calculate(atoms)
        assert_allclose(calculator.results["forces"], ends[0], rtol=1e-11, atol=1e-11)
        with gpu.step() as step:
            calculator.results = {}
            calculator.calculate(atoms)
    assert_allclose(calculator.results["forces"], ends[1], rtol=1e-11, atol=1e-11)
    assert step.waits == [Event("copy to the host", "resident.py:evaluate")]
    assert step.uploads == [Event("copy to the device", "execution/replay.py:__call__")]


def test_relaxations_that_stay_on_the_device_wait_once_per_report() -> None:
    """Ten steps of all structures: one copy of a number per structure to the host, and none there."""
    config = RelaxConfig(optimizer="fire", relax_cell="free", fmax_eV_per_A=0.02, max_steps=40, outside="ignore")
    structures = [bulk("Si", a=a) for a in (5.3, 5.4, 5.6)]
    for k, atoms in enumerate(structures):
        atoms.rattle(0.02, seed=k)

    def flown(flight: RelaxFlight) -> dict[int, RelaxResult]:
        for key, atoms in enumerate(structures):
            flight.add(key, atoms)
        landed: dict[int, RelaxResult] = {}
        while flight.n_open:
            for key, result, _ in flight.advance():
                assert isinstance(result, RelaxResult)
                landed[key] = result
        return landed

    expected = flown(RelaxFlight(AlignnCalculator(tiny_potential(), outside="ignore"), config, n_slots=3))
    with PretendGpu() as gpu:
        calculator = AlignnCalculator(on_gpu(HEADERS["smooth"]), resident=True, outside="ignore")
        with gpu.in_threads(), gpu.step() as step:
            found = flown(ResidentFlight(calculator, config, n_slots=3))
    for key, result in expected.items():
        assert found[key].after.step == result.after.step
        assert_allclose(found[key].atoms.positions, result.atoms.positions, rtol=0, atol=1e-9)
    places = Counter(event.place for event in step.waits)
    n_reports, n_steps = places.pop("resident_many.py:run"), max(one.after.step for one in found.values())
    assert n_reports < n_steps / 5
    assert places.keys() <= {
        "graph/transfer.py:tensors_to_host",  # first and last evaluation of each structure
        "resident_many.py:_renewed",  # a list of neighbours
        "relax/resident/fire.py:aboard",  # structures come back
    }


@pytest.mark.parametrize("name", ["smooth", "smooth, moments"])
def test_steps_of_many_structures_on_the_device_do_not_wait(name: str) -> None:
    structures = [structure(kind, ELEMENTS) for kind in ("rattled bulk", "molecule")]
    with PretendGpu() as gpu:
        still = Still(structures)
        many = ResidentMany(on_gpu(HEADERS[name]), [system_from_atoms(atoms) for atoms in structures], still)
        with gpu.step() as step:
            many.run(5)
    assert step.waits == [Event("copy to the host", "resident_many.py:run")]
    assert step.uploads == []


def test_dynamics_of_many_structures_waits_once_per_report() -> None:
    config = MDConfig(steps=12, timestep_fs=0.5, temperature_K=300.0, log_every=6)
    structures = [bulk("Si", cubic=True), bulk("Si", a=5.5)]
    expected = run_many_md(structures, AlignnCalculator(tiny_potential(), outside="ignore"), config=config)
    with PretendGpu() as gpu:
        calculator = AlignnCalculator(on_gpu(HEADERS["smooth"]), outside="ignore")
        with gpu.step() as step:
            found = run_many_md(structures, calculator, config=config)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one.atoms.positions, other.atoms.positions, rtol=0, atol=1e-10)
        assert_allclose(one.conserved_eV, other.conserved_eV, rtol=1e-10)
    places = Counter(event.place for event in step.waits)
    assert places.keys() == {"resident_many.py:run", "resident_many.py:_renewed"}
    assert places["resident_many.py:run"] == 3 + places["resident_many.py:_renewed"] - 1  # a report, or a new list


class Still:
    """A motion of nothing."""

    def __init__(self, structures: list[Atoms]) -> None:
        self.positions = torch.from_numpy(np.concatenate([atoms.positions for atoms in structures])).to(GPU)
        self.cell = torch.from_numpy(np.stack([atoms.cell.array for atoms in structures])).to(GPU)
        self.energy = torch.zeros(len(structures), dtype=torch.float64).to(GPU)

    def place(self) -> tuple[Tensor, Tensor]:
        return self.positions, self.cell

    def begin(self, step: int) -> None:
        pass

    def move(self, found: Found) -> None:
        self.energy.copy_(torch.where(found.valid, found.energy, self.energy))

    def report(self) -> Tensor:
        return self.energy


N_STEPS = 3


def moved(atoms: Atoms, calculator: AlignnCalculator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Positions after some steps."""
    atoms = atoms.copy()
    atoms.calc = calculator
    atoms.set_momenta(np.random.default_rng(2).normal(scale=2.0, size=(len(atoms), 3)))
    calculator.calculate(atoms)
    VelocityVerlet(atoms, 1.0 * units.fs).run(N_STEPS - 1)
    positions: np.ndarray[Any, np.dtype[np.float64]] = atoms.positions
    return positions


@pytest.mark.parametrize("name", ["smooth, moments", "atomwise", "pure, ZBL", "ealignn"])
def test_the_drivers_of_dynamics_and_relaxation_run_on_the_device(name: str) -> None:
    atoms = structure("rattled bulk", ELEMENTS)

    def both(potential: Potential) -> tuple[float, float]:
        ran = run_md(atoms.copy(), AlignnCalculator(potential), config=MDConfig(steps=2, temperature_K=100.0, seed=1))
        relaxed = relax(atoms.copy(), AlignnCalculator(potential), config=RelaxConfig(relax_cell="free", max_steps=2))
        return ran.total_energy_last_eV, relaxed.atoms.get_potential_energy()

    expected = both(tiny_potential(HEADERS[name]))
    with PretendGpu() as gpu:
        potential = on_gpu(HEADERS[name])
        with gpu.step() as step:
            found = both(potential)
    assert_allclose(found, expected, rtol=1e-9)
    places = {event.place for event in step.waits}
    assert "graph/transfer.py:tensors_to_host" in places
    assert places <= ALLOWED_WAITS.keys()


def test_a_pass_over_structures_in_flight_copies_its_results_once() -> None:
    structures = [structure(kind, ELEMENTS) for kind in KINDS]

    def numbers(potential: Potential) -> list[Numbers]:
        evaluator = Evaluator(potential)
        found = evaluator.numbers([Moving(atoms, potential) for atoms in structures])
        return [one for one in found if isinstance(one, Numbers)]

    expected = numbers(tiny_potential())
    with PretendGpu() as gpu:
        potential = on_gpu(HEADERS["smooth"])
        with gpu.in_threads(), gpu.step() as step:
            found = numbers(potential)
    assert len(found) == len(expected) == len(structures)
    for here, there in zip(found, expected, strict=True):
        assert_allclose(here.energy, there.energy, rtol=1e-11)
        assert_allclose(here.forces, there.forces, rtol=1e-11, atol=1e-11)
        assert_allclose(here.stress, there.stress, rtol=1e-11, atol=1e-11)
    assert_few_waits(step)


@pytest.mark.parametrize("kind", ["committee", "last layer"])
def test_deviations_come_back_with_the_numbers_that_they_belong_to(kind: str) -> None:
    atoms = structure("rattled bulk", ELEMENTS)
    here = tiny_committee() if kind == "committee" else with_last_layer([atoms])
    names = DEVIATIONS if kind == "committee" else DEVIATIONS[:2]
    calculator = AlignnCalculator(here, outside="ignore")
    expected = {name: calculator.get_property(name, atoms) for name in names}
    (predicted,) = here.predict_tensors([atoms], spread=True)
    with PretendGpu() as gpu:
        potential = Potential(kind, here.header, deepcopy(here.model), device=GPU, dtype=torch.float64)
        with gpu.step() as step:
            (found,) = potential.predict_tensors([atoms], spread=True)
        calculator = AlignnCalculator(potential, outside="ignore")
        for name, value in expected.items():
            assert_allclose(calculator.get_property(name, atoms), value, rtol=1e-9, atol=1e-11)
    assert found.spread is not None
    assert predicted.spread is not None
    torch.testing.assert_close(found.spread.energy, predicted.spread.energy, rtol=1e-9, atol=1e-11)
    assert_few_waits(step)


def test_a_potential_on_the_device_is_pickled_and_restored_there() -> None:
    import pickle

    atoms = structure("rattled bulk", ELEMENTS)
    with PretendGpu():
        potential = on_gpu(HEADERS["smooth"])
        again = pickle.loads(pickle.dumps(potential))
        assert again.device == GPU
        assert all(parameter.device == GPU for parameter in again.model.parameters())
        assert torch.equal(again.predict_tensors([atoms])[0].energy, potential.predict_tensors([atoms])[0].energy)


# property models


def property_model(name: str, device: torch.device, **fields: object) -> Predictor:
    config = validate_config({**LOOP, "model": {"name": name, **NETWORK, **fields}})
    elements = (14,)
    statistics = ModelStatistics((0.0,), 1.0, 12.0, 12.0, output_mean=(0.3,), output_axes=((1.4,),))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(config.model, config.recipe, elements, statistics).eval()
    header = Header(model=config.model, graph=config.recipe, elements=elements, statistics=statistics)
    return Predictor(name, header, model, device=device, dtype=torch.float64)


PROPERTIES: Final[dict[str, dict[str, object]]] = {
    name: ({} if name == "alignn" else NO_FORCES) for name, family in FAMILIES.items() if "property" in family.kinds
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_are_predicted_as_on_the_cpu(name: str) -> None:
    structures = [structure(kind, (14,)) for kind in ("bulk", "rattled bulk")]
    expected = property_model(name, torch.device("cpu"), **PROPERTIES[name]).predict(structures)
    with PretendGpu() as gpu:
        predictor = property_model(name, GPU, **PROPERTIES[name])
        with gpu.step() as step:
            found = predictor.predict(structures)
    for here, there in zip(found, expected, strict=True):
        assert_allclose(here.values, there.values, rtol=1e-11)
    assert_few_waits(step)
    assert sum(event.place == "graph/transfer.py:tensors_to_host" for event in step.waits) == 1


# training


FORCES = {"gradwise_weight": 1.0, "stresswise_weight": 0.1}
TRAINED: Final[dict[str, dict[str, object]]] = {
    "alignn_smooth": {"model": {**SMALL["model"], "moment_channels": 4}},  # type: ignore[dict-item]
    "alignn_atomwise": {"model": {**NETWORK, **FORCES}, "neighbor_strategy": "fast_graph"},
    "alignn_atomwise_pure": {"model": {**NETWORK, **FORCES, "use_zbl": True}, "neighbor_strategy": "fast_graph"},
    "ealignn_atomwise": {"model": {**NETWORK, **FORCES}, "neighbor_strategy": "k-nearest"},
}


@pytest.mark.parametrize("resident", ["never", "always"])
@pytest.mark.parametrize("name", TRAINED)
def test_steps_of_training_do_not_wait_for_their_loss_and_give_the_weights_of_the_cpu(name: str, resident: str) -> None:
    fields = {**SMALL, **TRAINED[name], "num_workers": 0, "resident_data": resident}
    fields["model"] = {"name": name, **TRAINED[name]["model"]}  # type: ignore[dict-item]
    samples = [build_sample(record, validate_config(fields).recipe, label_shapes(RECORDS)) for record in RECORDS]
    expected, row = trained(fields, samples, torch.device("cpu"), lambda step: step())
    with PretendGpu() as gpu:
        steps: list[Step] = []

        def count(take: Callable[[], object]) -> None:
            with gpu.step() as step:
                take()
            steps.append(step)

        found, row_on_gpu = trained(fields, samples, GPU, count)
    for key, weight in expected.items():
        torch.testing.assert_close(found[key], weight, rtol=1e-8, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}")
    assert row_on_gpu == pytest.approx(row, rel=1e-8, nan_ok=True)
    for step in steps:
        assert_few_waits(step, most_results=3)
        (loss,) = [event for event in step.waits if event.place == "train/trainer/ahead.py:__init__"]
        assert loss.what == "copy to the host that is not waited for"
        if resident == "always":
            assert {event.place for event in step.uploads} == {"train/records/resident.py:batch"}
    if resident == "always":  # one array of indices for each batch, and for those of the floor
        assert [len(step.uploads) for step in steps] == [3, 2]


RECORDS: Final = [
    Record(f"{index}", atoms, atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False), "bulk")
    for index, atoms in enumerate(copper_frames(4))
]


def trained(
    fields: dict[str, Any], samples: list[Sample], device: torch.device, take: Callable[[Callable[[], object]], object]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Weights and their average after two steps with the floor, and a row of validation errors."""
    config = validate_config(fields)
    trainer = floor_trainer(config, samples, samples, device)
    kept = trainer.batches.resident
    cut = (lambda batch: join([samples[k] for k in batch])) if kept is None else kept.batch
    step = (lambda samples: [trainer.step(samples)]) if device.type == "cpu" else trainer.steps.take_ahead
    outcomes: list[object] = []
    for batches in ([[0, 1], [2, 3]], [[0, 1, 2, 3]]):
        take(lambda batches=batches: outcomes.extend(step([cut(batch) for batch in batches])))
    for loss in [*outcomes, *trainer.steps.read_last()]:
        assert isinstance(loss, StepLoss)
        trainer.averages.add(loss)
    row = trainer.validate().row() | trainer.averages.means(2, trainer.ranks) | trainer._floor_row()
    state = trainer.state({})
    trainer.restore(state)
    weights = evolving_tensors(trainer.model) | {f"mean {k}": v for k, v in trainer.average.weights.items()}
    return {key: value.cpu() for key, value in weights.items()}, row


def test_a_whole_training_runs_on_the_device_and_resumes(tmp_path: Path) -> None:
    """Data, statistics, epochs, state on disk, metrics, and what the last layer tells."""
    data = write_frames(tmp_path / "data.xyz", copper_frames(8))
    fields = {"epochs": 2, "cross_validation": {"n_folds": 2}, "num_workers": 0, "floor_structures": 4}

    def errors(folder: str, device: torch.device) -> dict[str, float]:
        config = small_config(tmp_path / folder, **fields, resident_data="never" if folder == "cpu" else "always")
        result = train(config, observer=Silent(), data=data, device=str(device))
        assert result is not None
        rows: list[dict[str, float]] = json.loads((tmp_path / folder / "history.json").read_text())["rows"]
        return {name: value for name, value in rows[-1].items() if name != "seconds"}

    expected = errors("cpu", torch.device("cpu"))
    with PretendGpu():
        found = errors("gpu", GPU)
        assert found == pytest.approx(expected, rel=1e-6)
        state = load_state(tmp_path / "gpu")
        assert all(tensor.device == torch.device("cpu") for tensor in state.model.values())
    resumed = train(small_config(tmp_path / "gpu", **fields), observer=Silent(), data=data, device="cpu", resume=True)
    assert resumed is not None
