"""Published force fields on the backends ``blocked`` and ``native``: the energy of eager, within a memory limit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ase import Atoms
from ase.io import write

from alignn_ff import checkpoint
from alignn_ff.cli.parsing import parse_limits
from alignn_ff.errors import ConfigError, MemoryLimitError
from alignn_ff.execution import BACKENDS, Evaluate, Limits, choose_backend, why_not
from alignn_ff.execution.published.evaluate import BlockedEvaluation, Resources
from alignn_ff.execution.published.native_engine import NativeEngine
from alignn_ff.execution.published.network import Keep
from alignn_ff.execution.published.table import read, read_slope, tabulate
from alignn_ff.execution.published.torch_engine import TorchEngine
from alignn_ff.execution.published.workspace import Workspaces
from alignn_ff.graph import TensorPrediction, batch_graphs, batch_systems
from alignn_ff.models import (
    AlignnAtomwisePureConfig,
)
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.native import Kernels
from alignn_ff.potential import Potential
from alignn_ff.testing import NAMES, PotentialContract, structure
from tests.support.command_line import CommandLine
from tests.support.gpu_contract import GpuContract
from tests.support.layered_headers import HEADERS, SMALL, header, layers
from tests.support.tiny_models import ELEMENTS, tiny_header, tiny_model, tiny_potential

Evaluations = dict[str, BlockedEvaluation]


@pytest.fixture
def evaluations(kernels: Kernels) -> Callable[[Potential], Evaluations]:
    """Each engine with each choice of stored arrays, in several small blocks."""

    def of(potential: Potential) -> Evaluations:
        assert isinstance(potential.model, AtomwiseEnergy)
        engines = {"torch": TorchEngine(150), "native": NativeEngine(kernels)}
        return {
            f"{name}, {keep.name}": BlockedEvaluation(
                potential.model, lambda _, engine=engine, keep=keep: Resources(engine, keep)
            )
            for name, engine in engines.items()
            for keep in Keep
        }

    return of


def built(potential: Potential, backend: str) -> Evaluate:
    return BACKENDS[backend].of(potential.header.model.name).build(potential.model, Limits())


def eager(potential: Potential, batch: tuple[object, object]) -> TensorPrediction:
    return built(potential, "eager")(*batch, derivatives=True)


def inputs(potential: Potential) -> tuple[object, object]:
    prepared = [potential.prepare(structure(name, ELEMENTS)) for name in NAMES]
    return batch_systems([p.system for p in prepared]), batch_graphs([p.graph for p in prepared])


@pytest.mark.parametrize("name", HEADERS)
def test_all_engines_agree_with_eager(name: str, evaluations: Callable[[Potential], Evaluations]) -> None:
    potential = tiny_potential(HEADERS[name])
    batch = inputs(potential)
    expected = eager(potential, batch)
    for evaluate in evaluations(potential).values():
        result = evaluate(*batch, derivatives=True)
        torch.testing.assert_close(result[:4], expected[:4], rtol=1e-9, atol=1e-9, equal_nan=True)
        assert not any(tensor.requires_grad for tensor in result[:4])
        alone = evaluate(*batch, derivatives=False)
        assert torch.equal(alone.energy, result.energy)
        assert alone.forces is None


@pytest.mark.parametrize("name", ["3 + 2 layers", "12 neighbours", "ZBL"])
def test_single_precision_is_as_close_to_double_as_eager_is(
    name: str, evaluations: Callable[[Potential], Evaluations]
) -> None:
    single, exact = (tiny_potential(HEADERS[name], dtype=dtype) for dtype in ("float32", "float64"))
    batch = inputs(single)
    reference, by_eager = eager(exact, batch), eager(single, batch)
    for evaluate in evaluations(single).values():
        result = evaluate(*batch, derivatives=True)
        for ours, theirs, true in zip(result[:4], by_eager[:4], reference[:4], strict=True):
            error, allowed = ((t - true).nan_to_num().square().mean().sqrt() for t in (ours, theirs))
            assert error < 2.0 * allowed + 1e-9


def test_number_of_threads_changes_no_bit(kernels: Kernels) -> None:
    potential = tiny_potential(HEADERS["3 + 2 layers"], dtype="float32")
    evaluate = built(potential, "native")
    batch = inputs(potential)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        several = evaluate(*batch, derivatives=True)
    finally:
        torch.set_num_threads(before)
    one = evaluate(*batch, derivatives=True)
    torch.testing.assert_close(several[:4], one[:4], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("backend", ["blocked", "native"])
def test_evaluation_does_not_depend_on_those_before_it(backend: str, kernels: Kernels) -> None:
    potential = tiny_potential(HEADERS["3 + 2 layers"], dtype="float32")
    atoms = structure("rattled bulk", ELEMENTS)
    prepared = [potential.prepare(cells) for cells in (atoms, atoms * (3, 2, 1))]
    evaluate, alone = built(potential, backend), []
    assert isinstance(evaluate, BlockedEvaluation)
    for system, graph, _ in prepared:
        evaluate.workspaces = Workspaces()
        alone.append(evaluate(system, graph, derivatives=True))
    for which in (1, 0, 0, 1, 0):
        result = evaluate(prepared[which].system, prepared[which].graph, derivatives=True)
        torch.testing.assert_close(tuple(result), tuple(alone[which]), rtol=0, atol=0)


def test_evaluations_at_the_same_time_have_their_own_arrays() -> None:
    like, workspaces = torch.zeros(1), Workspaces()
    with workspaces.lend() as first, workspaces.lend() as second:
        one, other = (workspace.array("gates", (3, 2), like) for workspace in (first, second))
    assert one.data_ptr() != other.data_ptr()
    with workspaces.lend() as again:
        assert again.array("gates", (5,), like).data_ptr() in (one.data_ptr(), other.data_ptr())
        assert again.array("gates", (100,), like).shape == (100,)


# the choice


def test_attention_variants_are_left_to_eager(kernels: Kernels) -> None:
    for conv_type in ("n_alignn", "t_alignn"):
        config = AlignnAtomwisePureConfig(**SMALL, conv_type=conv_type, num_heads=2)
        model = tiny_model(header(config))
        for name in ("blocked", "native"):
            with pytest.raises(ConfigError, match="attention variants"):
                choose_backend(name, config.name, model)
        assert choose_backend("auto", config.name, model) == "eager"


def test_auto_takes_compiled_kernels_where_they_exist(kernels: Kernels) -> None:
    assert choose_backend("auto", HEADERS["wide"].model.name, tiny_model(HEADERS["wide"])) == "native"


def test_width_that_vectors_do_not_divide_is_left_to_others(kernels: Kernels) -> None:
    config = layers(1, 1, hidden_features=24)
    model = tiny_model(header(config))
    assert "multiples of 16" in str(why_not("native", config.name, model))
    assert choose_backend("auto", config.name, model) == "eager"
    assert choose_backend("auto", config.name, model, Limits(10**9)) == "blocked"


# the limit of memory


def test_a_limit_that_cannot_be_kept_is_an_error_before_anything_is_computed() -> None:
    model_header = HEADERS["3 + 2 layers"]
    potential = Potential(
        "tiny",
        model_header,
        tiny_model(model_header),
        device=torch.device("cpu"),
        dtype=torch.float64,
        limits=Limits(memory_bytes=10_000),
    )
    with pytest.raises(MemoryLimitError, match=r"8 atoms with \d+ angles needs .* and memory_limit is"):
        potential.predict_tensors([structure("rattled bulk", ELEMENTS)])


def test_a_limit_is_refused_by_what_cannot_keep_it() -> None:
    with pytest.raises(ConfigError, match="memory_limit cannot be kept"):
        choose_backend("auto", "alignn_smooth", tiny_model(tiny_header()), Limits(10**9))
    with pytest.raises(ConfigError, match="keep to a memory_limit"):
        choose_backend("eager", HEADERS["wide"].model.name, tiny_model(HEADERS["wide"]), Limits(10**9))


# the table


def test_table_is_smooth_and_gives_the_function_and_its_slope() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.sin(5.0 * x), torch.exp(-((x - 0.2) ** 2) * 9.0)], dim=1)

    table = tabulate(function, -1.0, 1.0, torch.float64)
    x = torch.linspace(-1.0, 1.0, 333, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(read(table, x), function(x), rtol=0, atol=1e-10)
    for channel in range(2):
        (exact,) = torch.autograd.grad(function(x)[:, channel].sum(), x)
        torch.testing.assert_close(read_slope(table, x)[:, channel], exact, rtol=0, atol=1e-8)
        (own,) = torch.autograd.grad(read(table, x)[:, channel].sum(), x)
        torch.testing.assert_close(read_slope(table, x)[:, channel], own, rtol=0, atol=1e-9)


# the physics contract


class Published(PotentialContract, GpuContract):
    """All laws except smoothness, which these families lack, and second derivatives, which only eager has."""


def on_backend(name: str, backend: str) -> Potential:
    model_header = HEADERS[name]
    model = tiny_model(model_header)
    return Potential("tiny", model_header, model, device=torch.device("cpu"), dtype=torch.float64, backend=backend)  # type: ignore[arg-type]


class TestBlocked(Published):
    @pytest.fixture
    def potential(self) -> Potential:
        return on_backend("3 + 1 layers", "blocked")


class TestNative(Published):
    @pytest.fixture
    def potential(self, kernels: Kernels) -> Potential:
        return on_backend("3 + 1 layers", "native")


def test_one_atom_more_than_a_block_is_no_other_energy(kernels: Kernels) -> None:
    potential = on_backend("3 + 1 layers", "native")
    atoms = structure("rattled bulk", ELEMENTS)
    single = potential.predict_tensors([atoms])[0]
    repeated = potential.predict_tensors([atoms * (3, 3, 3)])[0]
    torch.testing.assert_close(repeated.energy, 27 * single.energy, rtol=1e-12, atol=0)
    assert isinstance(atoms, Atoms)


@pytest.mark.parametrize(
    ("text", "n_bytes"), [("4GB", 4_000_000_000), ("1.5 GiB", 3 * 2**29), ("500MB", 500_000_000), ("10 kB", 10_000)]
)
def test_memory_limit_is_read_with_its_unit(text: str, n_bytes: int) -> None:
    assert parse_limits(text) == Limits(memory_bytes=n_bytes)
    assert parse_limits(None) is None


@pytest.mark.parametrize("text", ["4", "GB", "0GB", "-1GB", "4 gigabytes"])
def test_memory_limit_without_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="it takes a number and"):
        parse_limits(text)


def test_command_line_keeps_to_the_limit_or_prints_what_is_needed(command_line: CommandLine, tmp_path: Path) -> None:
    model_header = HEADERS["12 neighbours"]
    checkpoint.save(tmp_path / "model.pt", model_header, tiny_model(model_header).state_dict())
    write(tmp_path / "bulk.xyz", structure("rattled bulk", ELEMENTS))
    command = ("energy", tmp_path / "bulk.xyz", "--model", tmp_path / "model.pt", "--device", "cpu", "--memory-limit")
    enough, little = command_line(*command, "1GB"), command_line(*command, "20kB")
    assert (enough.code, little.code) == (0, 2)
    assert "allow more" in little.stderr
