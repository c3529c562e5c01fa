"""Evaluations that do not fit into memory are refused before they start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ase.build import bulk

from alignn_ff.errors import MemoryLimitError
from alignn_ff.execution import BACKENDS, Limits, MemoryGate, admission, available, why_not
from alignn_ff.execution.admission import SAFETY
from alignn_ff.execution.memory import forecast_bytes, held_bytes
from alignn_ff.graph import (
    GraphRecipe,
    GraphSize,
    build_graph,
    expected_size,
    graph_size,
    system_from_atoms,
)
from alignn_ff.models import EnergyModel
from alignn_ff.testing import NAMES, structure
from tests.support.command_line import CommandLine
from tests.support.published_headers import HEADERS as PUBLISHED
from tests.support.tiny_models import CONFIG, RECIPE, tiny_header, tiny_model, tiny_potential

CPU = torch.device("cpu")
SIZE = GraphSize(1000, 28_000, 4_000, 12_000)
ANGULAR = GraphSize(1_000_000, 12_000_000, 12_000_000, 144_000_000)
GIB = 2**30


# expected sizes


@pytest.mark.parametrize("name", NAMES)
def test_expected_size_of_a_small_structure_is_exact(name: str) -> None:
    system = system_from_atoms(structure(name, (14,)))
    for recipe in (RECIPE, RECIPE.model_copy(update={"back_tracking": True, "compute_line_graph": False})):
        assert expected_size(system, recipe) == graph_size(build_graph(system, recipe))


@pytest.mark.parametrize(
    "recipe",
    [
        GraphRecipe(cutoff=5.0, three_body_cutoff=3.5),
        GraphRecipe(neighbor_strategy="pure_torch", cutoff=6.0, max_neighbors=12, back_tracking=True),
        GraphRecipe(neighbor_strategy="k-nearest", cutoff=6.0, max_neighbors=12, back_tracking=True),
    ],
)
def test_expected_size_is_close_in_a_disordered_solid(recipe: GraphRecipe) -> None:
    atoms = bulk("Si", cubic=True).repeat((20, 3, 1))
    atoms.rattle(0.2, seed=3)
    system = system_from_atoms(atoms)
    expected, size = expected_size(system, recipe), graph_size(build_graph(system, recipe))
    assert expected.n_atoms == size.n_atoms
    assert expected.n_edges == pytest.approx(size.n_edges, rel=0.15)
    assert expected.n_triplets == pytest.approx(size.n_triplets, rel=0.3)


# forecasts


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of resident memory is read from /proc")
@pytest.mark.parametrize(
    ("backend", "family", "repeat"),
    [
        ("eager", "alignn_smooth", 4),
        ("blocked", "alignn_atomwise_pure", 4),
        ("native", "alignn_atomwise_pure", 5),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("native", "alignn_smooth", 6),
                ("eager", "alignn_atomwise", 4),
                ("eager", "ealignn_atomwise", 4),
                ("native", "ealignn_atomwise", 5),
            )
        ),
    ],
)
def test_forecast_is_within_30_percent_of_the_measured_peak(
    backend: str, family: str, repeat: int, compiled_folder: Path
) -> None:
    recipe = {"neighbor_strategy": "pure_torch", "cutoff": 5.0, "three_body_cutoff": 3.5, "max_neighbors": 12}
    graph = {"cutoff": 5.0, "three_body_cutoff": 3.5} if family == "alignn_smooth" else recipe
    case = {"graph": graph, "model": {}, "repeat": repeat}
    script = Path(__file__).parents[2] / "benchmarks" / "memory.py"
    options = ["--family", family, "--backend", backend, "--kernels", str(compiled_folder), "--case", json.dumps(case)]
    finished = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, check=True)
    measured = json.loads(finished.stdout.splitlines()[-1])
    assert measured["forecast"] == pytest.approx(measured["bytes"], rel=0.3)


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_has_a_forecast_for_its_families(name: str) -> None:
    for header in (tiny_header(), *PUBLISHED.values()):
        model = tiny_model(header)
        if not isinstance(model, EnergyModel) or why_not(name, header.model.name, model) is not None:
            continue
        assert forecast_bytes(name, header.model, SIZE, limits=Limits(), itemsize=4) is not None


@pytest.mark.parametrize("backend", ["blocked", "native"])
def test_a_limit_that_is_too_small_is_refused_before_the_graph_is_built(backend: str) -> None:
    config = PUBLISHED["atomwise"].model
    least = held_bytes(backend, config, SIZE, limits=Limits(memory_bytes=0), itemsize=4)
    assert least is not None

    def limited(to: float) -> MemoryGate:
        limits = Limits(memory_bytes=int(to))
        return MemoryGate(backend, config, limits, dtype=torch.float32, device=CPU, available=lambda device: 20 * GIB)

    limited(1.01 * least).admit(SIZE)
    with pytest.raises(MemoryLimitError, match=rf"12,000 angles needs {least / 1e9:.2f} GB at least, and memory_limit"):
        limited(0.5 * least).admit(SIZE)


def test_a_refusal_names_the_backends_and_limits_that_would_fit() -> None:
    config = PUBLISHED["atomwise"].model.model_copy(update={"alignn_layers": 4, "hidden_features": 128})
    whole, least = (
        forecast_bytes("native", config, ANGULAR, limits=Limits(memory_bytes=limit), itemsize=8) for limit in (None, 0)
    )
    assert whole is not None
    assert least is not None
    refused = {}
    for backend in ("eager", "native"):
        offers = int(1.02 * whole) if backend == "eager" else (SAFETY * whole + least) / 2
        gate_of = MemoryGate(
            backend, config, Limits(), dtype=torch.float64, device=CPU, available=lambda device, n=offers: int(n)
        )
        with pytest.raises(MemoryLimitError) as refusal:
            gate_of.admit(ANGULAR)
        refused[backend] = str(refusal.value)
    assert "the backend 'native', which needs about" in refused["eager"]
    assert "or dtype float32" in refused["eager"]
    assert "a limit of memory (--memory-limit), which costs speed: the least is" in refused["native"]


def gate(*, offers: int | None, backend: str = "eager", limits: Limits | None = None) -> MemoryGate:
    return MemoryGate(
        backend, CONFIG, limits or Limits(), dtype=torch.float32, device=CPU, available=lambda device: offers
    )


def larger(factor: int) -> GraphSize:
    return GraphSize(*(factor * count for count in SIZE))


def test_what_cannot_fit_is_refused_with_its_need_and_a_size_that_fits() -> None:
    with pytest.raises(
        MemoryLimitError,
        match=r"100,000,000 atoms \(about 2,800,000,000 bonds, 1,200,000,000 angles\) needs about [\d,]+ GiB of "
        r"memory, and 2.0 GiB are available; take a structure of at most \d+,000 atoms",
    ) as refusal:
        gate(offers=2 * GIB).admit(larger(100_000))
    fitting = int(str(refusal.value).split("at most ")[1].split(" ")[0].replace(",", ""))
    gate(offers=2 * GIB).admit(larger(fitting // 1000))


def test_what_may_not_fit_starts_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    gate(offers=GIB).admit(SIZE)
    assert not caplog.records
    borderline = next(k for k in range(1, 10**4) if _needs(larger(k)) > GIB)
    gate(offers=GIB).admit(larger(borderline))
    assert "may not fit" in caplog.text


def _needs(size: GraphSize) -> int:
    return forecast_bytes("eager", CONFIG, size, limits=Limits(), itemsize=4) or 0


def test_a_run_that_was_let_through_is_not_judged_again() -> None:
    """The memory that it allocated is no longer available when it runs."""
    offers = [GIB]
    looked = MemoryGate("eager", CONFIG, Limits(), dtype=torch.float32, device=CPU, available=lambda device: offers[0])
    looked.admit(SIZE)
    offers[0] = 0
    looked.admit(SIZE)
    with pytest.raises(MemoryLimitError):
        looked.admit(larger(2))


def test_nothing_is_refused_where_need_or_offer_is_unknown() -> None:
    unknown_offer, unknown_need = gate(offers=None), gate(offers=1, backend="one without a law")
    for judge in (unknown_offer, unknown_need):
        judge.admit(larger(10**6))
    assert unknown_offer.admitted_bytes == _needs(larger(10**6))
    assert unknown_need.admitted_bytes == 0


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A computer with one MiB of free memory, where every structure is checked."""
    (tmp_path / "meminfo").write_text("MemTotal: 999999 kB\nMemAvailable: 1024 kB\n")
    monkeypatch.setattr(available, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(admission, "WORTH_SAMPLING", 100)


@pytest.mark.usefixtures("little_memory")
def test_large_structure_is_refused_before_its_graph_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the graph was built")

    monkeypatch.setattr("alignn_ff.preparing.find_pairs", never)
    with pytest.raises(MemoryLimitError, match="needs about"):
        tiny_potential().prepare(bulk("Si", cubic=True).repeat(6))


def test_a_cell_in_nm_is_refused_before_its_graph_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search would need more memory than the model, at any number of atoms."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the graph was built")

    monkeypatch.setattr("alignn_ff.preparing.find_pairs", never)
    for scale in (0.01, 1e-4):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(scale * atoms.cell, scale_atoms=True)
        with pytest.raises(MemoryLimitError, match=r"8 atoms.*give the cell in Å"):
            tiny_potential().prepare(atoms)


@pytest.mark.usefixtures("little_memory")
def test_batch_is_refused_as_a_whole() -> None:
    potential = tiny_potential()
    structures = [structure("bulk", (14,))] * 60
    with pytest.raises(MemoryLimitError, match="480 atoms"):
        potential.predict_tensors(structures, batch_size=60)
    assert len(potential.predict_tensors(structures, batch_size=1)) == 60


@pytest.mark.usefixtures("little_memory")
def test_command_line_refuses_a_run_that_will_not_fit_before_it_starts(
    si_model_file: Path, tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bulk("Si", cubic=True).write("si.vasp")
    words = ("md", "si.vasp", "--steps", 5, "--supercell", "6,6,6", "--model", si_model_file, "--device", "cpu")
    result = command_line(*words)
    assert result.code == 2
    assert "1,728 atoms" in result.stderr
    assert "take a structure of at most" in result.stderr
    assert not list(tmp_path.glob("si-md*"))


def test_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = tuple(tmp_path / name for name in ("max", "current", "stat"))
    monkeypatch.setattr(available, "CGROUPS", (files,))
    files[0].write_text("max\n")
    files[1].write_text("1000\n")
    files[2].write_text("anon 400\ninactive_file 300\n")
    unlimited = available.available_bytes(CPU)
    files[0].write_text("1500\n")
    assert available.available_bytes(CPU) == 800
    assert unlimited is None or unlimited > 800
    assert available.available_bytes(torch.device("meta")) is None
