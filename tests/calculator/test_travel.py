"""Calculators, potentials and predictors pickle, copy, and go through pools of threads and processes."""

import copy
import importlib.util
import multiprocessing
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff import AlignnCalculator, Potential, load_potential
from alignn_ff import errors as package_errors
from alignn_ff.calculator import AlignnCalculator as Calculator
from alignn_ff.errors import AlignnError, StructureError
from alignn_ff.md import MDFiles, MDInterruptedError
from alignn_ff.predictor import Predictor, load_predictor
from alignn_ff.train.interrupt import TrainingInterruptedError
from tests.support.recorded import FOLDERS, recorded


def structures(n: int) -> list[Atoms]:
    """Crystals, each rattled differently."""
    made = []
    for seed in range(n):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.1, seed=seed)
        made.append(atoms)
    return made


def energy_and_forces(atoms: Atoms) -> tuple[float, np.ndarray]:
    return atoms.get_potential_energy(), atoms.get_forces()


def with_calculator(calculator: Calculator, atoms: Atoms) -> float:
    atoms.calc = calculator
    return float(atoms.get_potential_energy())


@pytest.fixture
def calculator(si_model_file: Path) -> Calculator:
    return AlignnCalculator(si_model_file, device="cpu", backend="eager")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["eager", "native"])
def test_a_potential_from_a_pickle_gives_the_same_bits(
    backend: str, dtype: str, si_model_file: Path, kernels: object
) -> None:
    potential = load_potential(si_model_file, device="cpu", backend=backend, dtype=dtype)  # type: ignore[arg-type]
    for travelled in (pickle.loads(pickle.dumps(potential)), copy.deepcopy(potential), copy.copy(potential)):
        assert (travelled.name, travelled.source, travelled.backend) == (str(si_model_file), potential.source, backend)
        for one, other in zip(
            travelled.predict_tensors(structures(2)), potential.predict_tensors(structures(2)), strict=True
        ):
            assert all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))


def test_the_backend_of_a_long_run_travels(si_model_file: Path, kernels: object) -> None:
    potential = load_potential(si_model_file, device="cpu", backend="auto")
    potential.executor.use("eager")
    travelled = pickle.loads(pickle.dumps(potential))
    assert (travelled.backend, travelled.executor.requested) == ("eager", "auto")


def test_a_pickle_needs_no_file(tmp_path: Path, si_model_file: Path) -> None:
    file = tmp_path / "moved.pt"
    file.write_bytes(si_model_file.read_bytes())
    calculator = AlignnCalculator(file, device="cpu")
    packed = pickle.dumps(calculator)
    file.unlink()
    assert with_calculator(pickle.loads(packed), bulk("Si")) == with_calculator(calculator, bulk("Si"))


def test_a_calculator_travels_with_its_structure_and_results(calculator: Calculator) -> None:
    (atoms,) = structures(1)
    atoms.calc = calculator
    before = energy_and_forces(atoms)
    for travelled in (pickle.loads(pickle.dumps(atoms)), copy.deepcopy(atoms)):
        assert travelled.calc is not calculator
        assert travelled.calc.results.keys() == calculator.results.keys()
        assert not travelled.calc.check_state(travelled)
        travelled.calc.reset()
        after = energy_and_forces(travelled)
        assert after[0] == before[0]
        np.testing.assert_array_equal(after[1], before[1])


def test_an_automatic_calculator_travels_before_it_has_chosen() -> None:
    travelled = pickle.loads(pickle.dumps(AlignnCalculator("auto", device="cpu")))
    assert with_calculator(travelled, bulk("Si")) < 0.0
    assert travelled.potential.name == "si"


@pytest.mark.parametrize("case", ["alignn-log", "atomwise-charges"])
def test_predictors_of_every_kind_travel(case: str) -> None:
    predictor, atoms = load_predictor(FOLDERS / case, device="cpu"), recorded(case)["ethanol_box"].atoms
    travelled = pickle.loads(pickle.dumps(predictor))
    assert isinstance(travelled, Predictor)
    assert travelled.predict([atoms])[0].to_json() == predictor.predict([atoms])[0].to_json()
    if travelled.potential is not None:
        assert travelled.model is travelled.potential.model


def test_a_calculator_goes_through_processes_that_are_spawned(calculator: Calculator) -> None:
    made = structures(2)
    here = [with_calculator(calculator, atoms) for atoms in made]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = list(pool.map(with_calculator, [calculator] * 2, made))
    np.testing.assert_allclose(there, here, rtol=1e-7)


@pytest.mark.skipif(importlib.util.find_spec("joblib") is None, reason="joblib is not installed")
def test_a_calculator_goes_through_joblib(calculator: Calculator) -> None:
    import joblib

    made = structures(2)
    there = joblib.Parallel(n_jobs=2)(joblib.delayed(with_calculator)(calculator, atoms) for atoms in made)
    np.testing.assert_allclose(there, [with_calculator(calculator, atoms) for atoms in made], rtol=1e-7)


@pytest.mark.skipif(importlib.util.find_spec("dask") is None, reason="dask is not installed")
def test_a_calculator_goes_through_dask(calculator: Calculator) -> None:
    import dask

    made = structures(2)
    tasks = [dask.delayed(with_calculator)(calculator, atoms) for atoms in made]
    there = dask.compute(*tasks, scheduler="processes", num_workers=1)
    np.testing.assert_allclose(there, [with_calculator(calculator, atoms) for atoms in made], rtol=1e-7)


def test_threads_that_share_a_calculator_get_their_own_numbers(calculator: Calculator) -> None:
    made = structures(8)
    expected = [energy_and_forces(attached(atoms, calculator)) for atoms in made]

    def often(number: int) -> bool:
        atoms = attached(made[number].copy(), calculator)
        for _ in range(6):
            atoms.positions += 0.0
            calculator.results = {}
            energy, forces = energy_and_forces(atoms)
            if energy != expected[number][0] or not np.array_equal(forces, expected[number][1]):
                return False
            if calculator.results["energy"] != energy or calculator.atoms is None or calculator.atoms != atoms:
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(often, range(8)))


def attached(atoms: Atoms, calculator: Calculator) -> Atoms:
    atoms.calc = calculator
    return atoms


FORKING = """
import os, sys, torch
from ase.build import bulk
from alignn_ff import AlignnCalculator, load_potential
from alignn_ff.errors import ForkedProcessError
torch.set_num_threads(int(sys.argv[2]))
atoms = bulk("Si", cubic=True) * (2, 2, 2)
atoms.calc = AlignnCalculator(sys.argv[1], device="cpu", backend="eager")
atoms.get_potential_energy()
if (child := os.fork()) == 0:
    if sys.argv[3] == "single":
        torch.set_num_threads(1)
    try:
        atoms.positions[0] += 0.01
        atoms.get_potential_energy() if sys.argv[3] != "load" else load_potential(sys.argv[1])
    except ForkedProcessError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(
    "threads, what, code", [(2, "evaluate", 7), (2, "load", 7), (2, "single", 0), (1, "evaluate", 0)]
)
def test_a_fork_after_threads_is_explained_and_does_not_hang(
    threads: int, what: str, code: int, si_model_file: Path
) -> None:
    command = [sys.executable, "-c", FORKING, str(si_model_file), str(threads), what]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert finished.returncode == code, finished.stderr
    assert ('get_context("spawn")' in finished.stdout) == (code == 7)


@pytest.mark.parametrize("one_by_one", [bulk("Si"), "si.cif", Path("si.cif"), ["x"], [bulk("Si"), 3], [None]])
def test_what_is_not_a_list_of_structures_is_refused(one_by_one: object, si_model_file: Path) -> None:
    for model in (load_potential(si_model_file, device="cpu"), load_predictor(si_model_file, device="cpu")):
        with pytest.raises(StructureError, match=r"list"):
            model.predict(one_by_one)  # type: ignore[arg-type]


def test_a_generator_of_structures_is_as_good_as_a_list(si_model_file: Path) -> None:
    potential: Potential = load_potential(si_model_file, device="cpu")
    assert len(potential.predict_tensors(atoms for atoms in structures(2))) == 2


def test_every_error_travels_from_a_worker_process(tmp_path: Path) -> None:
    kinds = [kind for kind in vars(package_errors).values() if isinstance(kind, type) and issubclass(kind, AlignnError)]
    made = [kind("words") for kind in kinds]
    made += [
        MDInterruptedError(signal.SIGTERM, 3, MDFiles(tmp_path / "x")),
        TrainingInterruptedError(signal.SIGINT, "after 2 epochs", "advice"),
    ]
    for error in made:
        travelled = pickle.loads(pickle.dumps(error))
        assert (type(travelled), str(travelled), travelled.exit_code) == (type(error), str(error), error.exit_code)
