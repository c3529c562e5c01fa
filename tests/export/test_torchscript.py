"""Files of the target torchscript give the numbers of the model, on every structure and for every force field."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff.errors import CheckpointError
from alignn_ff.export import ExportOptions
from alignn_ff.export.door import Output
from alignn_ff.export.torchscript.file import evaluate, read, write
from alignn_ff.graph import TensorPrediction
from alignn_ff.potential import load_potential
from alignn_ff.testing.structures import NAMES, structure
from tests.support.exports import HEADERS, SMOOTH, eager, evaluated, with_repulsion_ends
from tests.support.tiny_models import ELEMENTS

REPEATS = 3
EXAMPLE = Path(__file__).parents[2] / "examples" / "torchscript" / "host.cpp"


def assert_agrees(found: Output, expected: TensorPrediction, *, atol: float = 1e-12) -> None:
    assert expected.forces is not None
    assert expected.stress is not None
    scale = max(1.0, float(expected.forces.abs().max()))
    torch.testing.assert_close(found.energy, expected.energy[0], rtol=0, atol=atol * scale)
    torch.testing.assert_close(found.atomic_energy, expected.atomic_energy, rtol=0, atol=atol * scale)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=atol * scale)
    torch.testing.assert_close(found.stress, expected.stress[0], rtol=0, atol=atol * scale, equal_nan=True)


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_gives_the_numbers_of_its_model_on_every_kind_of_structure(name: str, tmp_path: Path) -> None:
    potential = eager(HEADERS[name])
    write(potential, tmp_path / "model.pt", ExportOptions())
    pairs = [evaluated(potential, structure(kind, ELEMENTS)) for kind in NAMES]
    for _ in range(REPEATS):
        outputs = evaluate(tmp_path / "model.pt", [given for given, _ in pairs], False)
        for found, (_, expected) in zip(outputs, pairs, strict=True):
            assert_agrees(found, expected)


def test_the_end_of_the_repulsion_of_each_pair_of_elements_is_in_the_file(tmp_path: Path) -> None:
    header = with_repulsion_ends(SMOOTH["smooth"], (14, 14, 1.2))
    potential, longer = eager(header), eager(SMOOTH["smooth"])
    write(potential, tmp_path / "model.pt", ExportOptions())
    atoms = structure("close pair", (14,))
    given, expected = evaluated(potential, atoms)
    (found,) = evaluate(tmp_path / "model.pt", [given], False)
    assert_agrees(found, expected)
    assert abs(float(found.energy - evaluated(longer, atoms)[1].energy[0])) > 0.1


def test_the_unit_of_the_stress_is_that_of_the_option(tmp_path: Path) -> None:
    potential = eager(SMOOTH["smooth"])
    given, expected = evaluated(potential, structure("rattled bulk", ELEMENTS))
    assert expected.stress is not None
    for unit, factor in (("eV/A^3", 1.0), ("GPa", 160.21766208)):
        write(potential, tmp_path / f"{factor}.pt", ExportOptions(stress_unit=unit))
        (found,) = evaluate(tmp_path / f"{factor}.pt", [given], False)
        torch.testing.assert_close(found.stress, factor * expected.stress[0])
        assert read(tmp_path / f"{factor}.pt")[1]["stress_unit"] == unit


@pytest.mark.parametrize("name", ["smooth, moments", "pure, self-attention", "published, no back-tracking"])
def test_the_order_of_edges_and_the_dtype_of_a_host_do_not_matter(name: str, tmp_path: Path) -> None:
    potential = eager(HEADERS[name])
    write(potential, tmp_path / "model.pt", ExportOptions())
    module, _ = read(tmp_path / "model.pt")
    given, expected = evaluated(potential, structure("skewed tiny cell", ELEMENTS))
    order = torch.randperm(given.src.shape[0], generator=torch.Generator().manual_seed(3))
    edges = (given.src[order], given.dst[order], given.shift[order].float())
    found = module.forward_tensors_z(given.positions, given.cell, given.numbers.int(), *edges, True)
    assert_agrees(Output(found["energy"], found["atomic_energy"], found["forces"], found["stress"]), expected)
    assert "stress" not in module.forward_tensors_z(given.positions, given.cell, given.numbers, *edges, False)


@pytest.mark.parametrize("name", ["smooth", "smooth, moments", "atomwise", "pure, node attention"])
def test_ghost_atoms_as_rows_give_the_energies_and_forces_of_the_periodic_crystal(name: str, tmp_path: Path) -> None:
    header = HEADERS[name]
    shallow = header.model.model_copy(update={"alignn_layers": 1})  # so that the ghosts are few
    potential = eager(header.model_copy(update={"model": shallow}))
    write(potential, tmp_path / "model.pt", ExportOptions())
    module, _ = read(tmp_path / "model.pt")
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, rng=np.random.default_rng(5))
    n, expected = len(atoms), evaluated(potential, atoms)[1]
    cells = 7  # three images on each side: more than the network's reach
    cluster = atoms.repeat(cells)
    middle = np.arange(cells**3) == cells**3 // 2
    order = np.argsort(~np.repeat(middle, n), kind="stable")
    cluster = cluster[order]
    cluster.pbc = False
    near = np.linalg.norm(cluster.positions - cluster.positions[:n].mean(0), axis=1) < 16.5
    cluster = cluster[near]
    given = evaluated(potential, cluster)[0]
    vectors = given.positions[given.dst] - given.positions[given.src]
    energies, gradient = module.energy_and_edge_gradient(vectors, given.numbers, given.src, given.dst, given.shift, n)
    torch.testing.assert_close(energies[:n], expected.atomic_energy, rtol=0, atol=1e-10)
    forces = torch.zeros_like(given.positions).index_add(0, given.src, gradient).index_add(0, given.dst, -gradient)
    positions = torch.from_numpy((cluster.positions - cluster.positions[:n].mean(0)) @ np.linalg.inv(atoms.cell.array))
    inside = torch.from_numpy(atoms.positions - atoms.positions.mean(0)) @ torch.from_numpy(
        np.linalg.inv(atoms.cell.array)
    )
    folded = (positions[:, None] - inside[None]) - (positions[:, None] - inside[None]).round()
    owner = folded.abs().sum(2).argmin(1)
    summed = torch.zeros((n, 3), dtype=torch.float64).index_add(0, owner, forces)
    assert expected.forces is not None
    torch.testing.assert_close(summed, expected.forces, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "name", ["published, 3 + 2 layers", "ealignn", "pure, node attention", "pure, self-attention", "pure, ZBL"]
)
def test_layers_that_leave_out_the_last_rows_give_the_same_energies_and_derivatives(name: str, tmp_path: Path) -> None:
    potential = eager(HEADERS[name])
    write(potential, tmp_path / "model.pt", ExportOptions())
    module, _ = read(tmp_path / "model.pt")
    atoms = bulk("Si", cubic=True).repeat((2, 2, 3))
    atoms.rattle(0.1, rng=np.random.default_rng(5))
    atoms.numbers[::3] = 8
    n = 4
    far = np.linalg.norm(atoms.positions - atoms.positions[:n].mean(0), axis=1)
    atoms = atoms[np.argsort(far)]
    atoms.pbc = False
    given = evaluated(potential, atoms)[0]
    vectors = given.positions[given.dst] - given.positions[given.src]
    mixed = torch.randperm(len(vectors), generator=torch.Generator().manual_seed(2))
    vectors, src, dst, shift = vectors[mixed], given.src[mixed], given.dst[mixed], given.shift[mixed]
    found = {}
    for takes in (True, False):
        module.takes_prefixes = takes
        rows = module.layer_rows(vectors, src, dst, n, len(atoms))
        energies, gradient = module.energy_and_edge_gradient(vectors, given.numbers, src, dst, shift, n)
        found[takes] = (energies[:n], gradient, rows)
    torch.testing.assert_close(found[True][:2], found[False][:2], rtol=0, atol=1e-12)
    layers = potential.header.model.alignn_layers + potential.header.model.gcn_layers
    assert found[False][2] == [len(atoms)] * layers
    assert found[True][2][-1] == n
    assert sum(found[True][2]) < 0.9 * sum(found[False][2])
    assert float(found[True][1].abs().max()) > 1e-6


def test_a_host_that_errs_is_told_so(tmp_path: Path) -> None:
    potential = eager(SMOOTH["smooth"])
    write(potential, tmp_path / "model.pt", ExportOptions())
    module, _ = read(tmp_path / "model.pt")
    given, _ = evaluated(potential, structure("bulk", ELEMENTS))
    with pytest.raises(torch.jit.Error, match="not covered by this model"):
        module.forward_tensors_z(given.positions, given.cell, given.numbers * 0 + 3, *given[3:], True)
    with torch.no_grad(), pytest.raises(torch.jit.Error, match="autograd"):
        module.forward_tensors_z(*given, True)


def test_files_that_are_something_else_are_errors_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no model")
    with pytest.raises(CheckpointError, match="not a TorchScript file"):
        read(tmp_path / "text.pt")


@pytest.mark.slow
def test_the_host_in_cpp_gives_the_numbers_of_the_package(tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    torch_folder = Path(torch.__path__[0])
    include, library = torch_folder / "include", torch_folder / "lib"
    words = ["-std=c++17", "-O0", str(EXAMPLE), f"-I{include}", f"-I{include}/torch/csrc/api/include", f"-L{library}"]
    words += ["-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{library}", "-o", str(tmp_path / "host")]
    subprocess.run([compiler, *words], check=True, capture_output=True)
    potential = load_potential("si", dtype="float64", backend="eager")
    write(potential, tmp_path / "si.pt", ExportOptions())
    ran = subprocess.run([tmp_path / "host", tmp_path / "si.pt", "5.0"], check=True, capture_output=True, text=True)
    numbers = [float(word) for line in ran.stdout.splitlines() for word in line.split()[1:]]
    cell = 2.715 * (1.0 - np.eye(3))
    atoms = Atoms("Si2", [[0, 0, 0], [1.4575, 1.3575, 1.3075]], cell=cell, pbc=True)
    (expected,) = potential.predict_tensors([atoms])
    assert expected.forces is not None
    assert expected.stress is not None
    flat = torch.cat([expected.energy, expected.forces.flatten(), expected.stress.flatten()])
    np.testing.assert_allclose(numbers, flat.numpy(), atol=1e-9)
