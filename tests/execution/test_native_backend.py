"""The native backend satisfies the physics contract, and agrees with eager within its precision."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from numpy.testing import assert_allclose

from alignn_ff import AlignnCalculator
from alignn_ff.errors import CompilerError, ConfigError, StructureError
from alignn_ff.execution import Limits, choose_backend, worth_compiling
from alignn_ff.graph import GraphRecipe, TensorPrediction
from alignn_ff.loading import DTYPES, Precision
from alignn_ff.md import MDConfig, run_md
from alignn_ff.native import build
from alignn_ff.potential import Potential, load_potential
from alignn_ff.testing import NAMES, PhysicsContract, structure
from tests.support.gpu_contract import GpuContract
from tests.support.line_graph import LINE_GRAPH_MODEL
from tests.support.published_headers import HEADERS
from tests.support.tiny_models import CONFIG, tiny_header, tiny_model, tiny_potential

MODELS = {
    "three elements": tiny_header(),
    "exact free atoms": tiny_header(exact_free_atoms=True),
    "no angles, no repulsion": tiny_header(config=CONFIG.model_copy(update={"alignn_layers": 0, "use_zbl": False})),
    "more angles than atoms": tiny_header(config=CONFIG.model_copy(update={"alignn_layers": 3, "gcn_layers": 0})),
    "bounded": tiny_header(bounded=True),
    "bounded, exact free atoms": tiny_header(exact_free_atoms=True, bounded=True),
    "moments": tiny_header(config=CONFIG.model_copy(update={"moment_channels": 3})),
    "moments of order 2": tiny_header(
        config=CONFIG.model_copy(update={"moment_channels": 20, "max_moment": 2, "hidden_features": 20}),
        exact_free_atoms=True,
    ),
    "moments of order 1, no angles": tiny_header(
        config=CONFIG.model_copy(update={"moment_channels": 5, "max_moment": 1, "alignn_layers": 0, "gcn_layers": 3})
    ),
    "wide": tiny_header(config=CONFIG.model_copy(update={"hidden_features": 40, "edge_input_features": 17})),
}


def native(name: str, dtype: Precision = "float64") -> Potential:
    if name == "line graph":
        return load_potential(LINE_GRAPH_MODEL, device="cpu", dtype=dtype, backend="native")
    model = tiny_model(MODELS[name])
    return Potential(name, MODELS[name], model, device=torch.device("cpu"), dtype=DTYPES[dtype], backend="native")


def eager_twin(potential: Potential) -> Potential:
    here, dtype = potential.device, potential.dtype
    return Potential("eager", potential.header, potential.model, device=here, dtype=dtype, backend="eager")


@pytest.fixture(scope="module", params=["three elements", "moments", "line graph"])
def potential(request: pytest.FixtureRequest, compiled_folder: Path) -> Iterator[Potential]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "library_folder", lambda: compiled_folder)
        made = native(request.param)
    assert made.backend == "native"
    return made


@pytest.mark.usefixtures("kernels")
class TestNativeBackend(PhysicsContract, GpuContract):
    """Every law."""


@pytest.mark.usefixtures("kernels")
class TestAgreement:
    @pytest.mark.parametrize("name", [*MODELS, "line graph"])
    def test_native_and_eager_agree_in_float64(self, name: str) -> None:
        potential = native(name)
        structures = [structure(example, potential.header.elements) for example in NAMES]
        structures.append(rattled_silicon() if name == "line graph" else structures[0].repeat(2))
        both = zip(
            potential.predict_tensors(structures), eager_twin(potential).predict_tensors(structures), strict=True
        )
        for ours, reference in both:
            assert_same(ours, reference, atol=1e-9)

    def test_float32_is_at_most_twice_as_far_from_the_truth_as_eager_is(self) -> None:
        atoms = rattled_silicon()
        fast = native("line graph", "float32").predict_tensors([atoms])[0]
        eager = load_potential(LINE_GRAPH_MODEL, device="cpu", backend="eager").predict_tensors([atoms])[0]
        truth = load_potential(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager").predict_tensors(
            [atoms]
        )[0]
        for name, exact in list(truth._asdict().items())[:4]:
            allowed = 2 * (getattr(eager, name) - exact).abs().max()
            assert (getattr(fast, name) - exact).abs().max() <= allowed, name

    def test_energy_without_derivatives_has_the_same_bits(self) -> None:
        potential, atoms = native("line graph"), rattled_silicon()
        alone, full = (potential.predict_tensors([atoms], derivatives=d)[0] for d in (False, True))
        assert torch.equal(alone.atomic_energy, full.atomic_energy)
        assert alone.forces is None
        assert alone.stress is None

    def test_bits_do_not_depend_on_threads_or_on_the_run(self) -> None:
        potential, atoms = native("line graph", "float32"), rattled_silicon()
        before = torch.get_num_threads()
        runs = []
        try:
            for n_threads in (1, 3, 3, 2):
                torch.set_num_threads(n_threads)
                runs.append(potential.predict_tensors([atoms])[0])
        finally:
            torch.set_num_threads(before)
        for run in runs[1:]:
            assert all(torch.equal(a, b) for a, b in zip(run[:4], runs[0][:4], strict=True))

    def test_results_carry_no_history_to_differentiate(self) -> None:
        assert not any(
            field.requires_grad for field in native("three elements").predict_tensors([rattled_water()])[0][:4]
        )


def rattled_silicon() -> Atoms:
    atoms = bulk("Si", cubic=True).repeat((2, 2, 3))
    atoms.rattle(0.15, seed=3)
    return atoms


def rattled_water() -> Atoms:
    return Atoms("OH2", [[0, 0, 0], [0.96, 0.1, 0], [-0.2, 0.9, 0.3]])


def assert_same(one: TensorPrediction, other: TensorPrediction, *, atol: float) -> None:
    for a, b in zip(one[:4], other[:4], strict=True):
        assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=atol)


# choice


def test_auto_takes_native_only_if_it_is_compiled_already(compiled_folder: Path, monkeypatch) -> None:
    model = tiny_model(tiny_header())
    assert choose_backend("auto", "alignn_smooth", model) == "eager"
    monkeypatch.setattr(build, "library_folder", lambda: compiled_folder)
    assert choose_backend("auto", "alignn_smooth", model) == "native"
    published = tiny_model(HEADERS["atomwise"])
    assert choose_backend("auto", "alignn_atomwise", published) == "eager"


def test_the_error_of_native_names_why_it_cannot_run_a_model() -> None:
    with pytest.raises(ConfigError, match="multiples of 16 up to 512, and the model has 8; take auto or eager"):
        choose_backend("native", "alignn_atomwise", tiny_model(HEADERS["atomwise"]))
    with pytest.raises(ConfigError, match="it is for the CPU, and the model is on meta"):
        choose_backend("native", "alignn_smooth", tiny_model(tiny_header()).to("meta"))
    with pytest.raises(ConfigError, match=r"the model is in torch\.float16"):
        choose_backend("native", "alignn_smooth", tiny_model(tiny_header()).half())
    bare = tiny_model(tiny_header(config=CONFIG.model_copy(update={"alignn_layers": 0, "gcn_layers": 0})))
    with pytest.raises(ConfigError, match="at least one layer"):
        choose_backend("native", "alignn_smooth", bare)
    with pytest.raises(ConfigError, match=r"allowed are auto, native, triton, eager, blocked, scatter$"):
        choose_backend("quick", "alignn_smooth", tiny_model(tiny_header()))


def test_without_a_compiler_native_is_an_error_and_auto_is_eager(monkeypatch) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert tiny_potential().backend == "eager"
    with pytest.raises(CompilerError, match="no C\\+\\+ compiler"):
        native("three elements")


def test_compiled_kernels_that_cannot_be_loaded_are_passed_over(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(build, "library_path", lambda compiler: tmp_path / "kernels.so")
    (tmp_path / "kernels.so").write_bytes(b"rubbish")
    assert choose_backend("auto", "alignn_smooth", tiny_model(tiny_header())) == "eager"
    assert "the backend native is left out" in caplog.text


def test_only_runs_that_win_back_the_compile_time_compile() -> None:
    smooth, published = tiny_model(tiny_header()), tiny_model(HEADERS["atomwise"])
    assert worth_compiling("eager", "alignn_smooth", smooth, Limits(), n_atoms=10**4) is None
    assert worth_compiling("eager", "alignn_smooth", smooth, Limits(), n_atoms=10**7) == "native"
    assert worth_compiling("native", "alignn_smooth", smooth, Limits(), n_atoms=10**7) is None
    assert worth_compiling("eager", "alignn_smooth", smooth, Limits(memory_bytes=2**30), n_atoms=10**7) is None
    assert worth_compiling("eager", "alignn_atomwise", published, Limits(), n_atoms=10**7) is None


def test_an_announced_run_switches_once_and_only_where_the_user_left_the_choice(compiled_folder, monkeypatch) -> None:
    calculator, eager = AlignnCalculator(tiny_potential()), AlignnCalculator(LINE_GRAPH_MODEL, backend="eager")
    atoms = rattled_water()
    monkeypatch.setattr(build, "library_folder", lambda: compiled_folder)
    calculator.expect(10, atoms)
    assert calculator.potential.backend == "eager"
    calculator.expect(10_000_000, atoms)
    assert calculator.potential.backend == "native"
    eager.expect(10_000_000, rattled_silicon())
    assert eager.potential.backend == "eager"


def test_an_announced_run_without_a_compiler_stays_eager_with_a_warning(monkeypatch, caplog) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    potential = tiny_potential()
    with caplog.at_level(logging.WARNING):
        potential.expect(10_000_000, n_atoms=100)
    assert potential.backend == "eager"
    assert "no C++ compiler" in caplog.text


def test_dynamics_announce_their_steps_and_record_the_backend(monkeypatch) -> None:
    announced = []
    monkeypatch.setattr(Potential, "expect", lambda self, n, *, n_atoms: announced.append((n, n_atoms)))
    result = run_md(rattled_water(), AlignnCalculator(tiny_potential()), config=MDConfig(steps=3, timestep_fs=0.1))
    assert announced == [(3, 3)]
    assert result.model.backend == "eager"


def test_a_graph_without_reverse_edges_is_refused(kernels) -> None:
    potential = native("three elements")
    prepared = potential.prepare(rattled_water())
    half = prepared.graph._replace(edge_src=prepared.graph.edge_src.clone())
    half.edge_src[0] = half.edge_dst[0]
    with pytest.raises(StructureError, match="reverse of an edge"):
        potential.evaluate(prepared.system, half)


def test_the_command_line_takes_a_backend_and_reports_it(command_line, kernels, tmp_path) -> None:
    path = tmp_path / "si.extxyz"
    rattled_silicon().write(path)
    results = {}
    for backend in ("eager", "native"):
        done = command_line("energy", path, "--model", LINE_GRAPH_MODEL, "--backend", backend, "--json")
        assert done.code == 0, done.stderr
        assert f'"backend": "{backend}"' in done.stdout
        results[backend] = np.array(json.loads(done.stdout)["forces_eV_per_A"])
    assert_allclose(results["native"], results["eager"], atol=1e-4)
    refused = command_line("energy", path, "--model", LINE_GRAPH_MODEL, "--backend", "quick")
    assert refused.code == 2
    assert "eager" in refused.stderr


def test_a_graph_without_edges_is_evaluated(kernels) -> None:
    header = tiny_header(recipe=GraphRecipe(cutoff=0.5, three_body_cutoff=0.4))
    made = Potential(
        "short", header, tiny_model(header), device=torch.device("cpu"), dtype=torch.float64, backend="native"
    )
    assert_same(
        made.predict_tensors([rattled_water()])[0], eager_twin(made).predict_tensors([rattled_water()])[0], atol=1e-12
    )
