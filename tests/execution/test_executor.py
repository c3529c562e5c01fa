"""One owner of backend, limits, gate and fallback; backends from outside the package are rows of the table."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ase import Atoms

from alignn_ff import checkpoint
from alignn_ff.errors import ConfigError, MemoryLimitError
from alignn_ff.execution import BACKENDS, Backend, Evaluate, Execution, Executor, Limits
from alignn_ff.execution.eager import build_eager
from alignn_ff.graph import AtomicGraph, AtomicSystem, GraphSize, TensorPrediction
from alignn_ff.models import EnergyModel, ModelConfig
from alignn_ff.potential import Potential, load_potential
from alignn_ff.testing import structure
from tests.support.tiny_models import tiny_header, tiny_model, tiny_potential

CPU = torch.device("cpu")
GIB = 2**30
BYTES_PER_ATOM = 2**20


class Toy:
    """A backend that needs some memory, and runs out of it if its limit is above that; it counts one MiB per atom."""

    def __init__(self, needs: int) -> None:
        self.needs = needs
        self.limits: list[int | None] = []

    def build(self, model: EnergyModel, limits: Limits) -> Evaluate:
        self.limits.append(limits.memory_bytes)
        eager = build_eager(model, limits)

        def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
            if limits.memory_bytes is None or limits.memory_bytes > self.needs:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore words")
            return eager(system, graph, derivatives=derivatives)

        return evaluate


def toy_law(config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:
    return BYTES_PER_ATOM * size.n_atoms


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    backend = Toy(needs=3 * GIB)
    row = Execution(backend.build, peak=toy_law, held=toy_law)
    monkeypatch.setitem(BACKENDS, "toy", Backend({"alignn_smooth": row}))
    return backend


def executor(backend: str, *, limits: Limits | None = None, offers: int | None = 20 * GIB) -> Executor:
    header = tiny_header()
    return Executor(
        tiny_model(header),
        header.model,
        backend=backend,
        limits=limits,
        dtype=torch.float32,
        device=CPU,
        available=lambda device: offers,
    )


def prepared(atoms: Atoms | None = None) -> tuple[AtomicSystem, AtomicGraph]:
    found = tiny_potential(dtype="float32").prepare(structure("bulk", (14,)) if atoms is None else atoms)
    return found.system, found.graph


# rows from outside


def test_a_backend_from_outside_runs_through_load_potential_by_its_law_of_memory(toy: Toy, tmp_path: Path) -> None:
    header = tiny_header()
    checkpoint.save(tmp_path / "model.pt", header, tiny_model(header).state_dict())
    limits = Limits(memory_bytes=2 * GIB)
    potential = load_potential(tmp_path / "model.pt", device="cpu", backend="toy", limits=limits)
    assert (potential.backend, potential.limits) == ("toy", limits)
    atoms = structure("bulk", (14,))
    reference = load_potential(tmp_path / "model.pt", device="cpu", backend="eager")
    assert torch.equal(potential.predict_tensors([atoms])[0].forces, reference.predict_tensors([atoms])[0].forces)
    with pytest.raises(MemoryLimitError, match=r"4,096 atoms.* at least, and memory_limit is 2.15 GB"):
        potential.predict_tensors([atoms.repeat(8)])


def test_a_backend_with_the_first_rank_is_what_auto_takes_where_it_has_a_row(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "toy", BACKENDS["toy"]._replace(rank=-1))
    assert tiny_potential().backend == "toy"
    with pytest.raises(
        ConfigError, match="'toy' cannot run this model: it is for alignn_smooth, and the model is an other"
    ):
        Executor(
            tiny_model(tiny_header()),
            tiny_header().model.model_copy(update={"name": "other"}),
            backend="toy",
            dtype=torch.float32,
            device=CPU,
        )


def test_a_family_without_rows_runs_on_eager_only() -> None:
    config = tiny_header().model.model_copy(update={"name": "other"})
    made = Executor(tiny_model(tiny_header()), config, dtype=torch.float32, device=CPU)
    assert made.backend == "eager"
    assert torch.equal(made.evaluate(*prepared()).forces, executor("eager").evaluate(*prepared()).forces)


# running out of memory


def test_evaluation_that_ran_out_of_memory_continues_in_smaller_blocks(
    toy: Toy, caplog: pytest.LogCaptureFixture
) -> None:
    made = executor("toy")
    prediction = made.evaluate(*prepared())
    assert torch.equal(prediction.forces, executor("eager").evaluate(*prepared()).forces)
    assert toy.limits == [None, 10 * GIB, 5 * GIB, 2.5 * GIB]
    assert "continuing in blocks of at most 2.5 GiB, which is slower" in caplog.text
    made.evaluate(*prepared())
    assert len(toy.limits) == 4


def test_a_potential_reports_the_limits_that_hold_now(toy: Toy) -> None:
    header, limits = tiny_header(), Limits(memory_bytes=4 * GIB)
    potential = Potential(
        "p", header, tiny_model(header), device=CPU, dtype=torch.float64, backend="toy", limits=limits
    )
    assert potential.limits == limits
    potential.predict_tensors([structure("bulk", (14,))])
    assert potential.limits == Limits(memory_bytes=2 * GIB)


def test_blocks_do_not_shrink_without_end(toy: Toy) -> None:
    toy.needs = 0
    made = executor("toy", limits=Limits(memory_bytes=GIB))
    with pytest.raises(MemoryLimitError, match=r"cpu does not suffice for 8 atoms \(CUDA out of memory. Tried"):
        made.evaluate(*prepared())
    assert len(toy.limits) < 8


@pytest.fixture
def greedy(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend without blocks that always runs out of memory, with a forecast that is large."""

    def build(model: EnergyModel, limits: Limits) -> Evaluate:
        return Toy(needs=0).build(model, Limits())

    def law(config: ModelConfig, size: GraphSize, *, limits: Limits, itemsize: int) -> int:
        return 4 * BYTES_PER_ATOM * size.n_atoms

    monkeypatch.setitem(BACKENDS, "greedy", Backend({"alignn_smooth": Execution(build, peak=law)}))


@pytest.mark.usefixtures("greedy")
def test_a_backend_without_blocks_gives_way_to_one_with_them() -> None:
    made = executor("greedy", offers=GIB)
    made.evaluate(*prepared())
    assert (made.backend, made.limits) == ("toy", Limits(memory_bytes=GIB // 2))


@pytest.mark.usefixtures("greedy")
def test_after_a_fallback_the_gate_judges_by_the_law_and_the_limit_of_the_new_backend() -> None:
    atoms = structure("bulk", (14,))
    larger, too_large = (prepared(atoms.repeat((n, 1, 1))) for n in (48, 128))  # 384 and 1,024 atoms
    made = executor("greedy", offers=GIB)
    with pytest.raises(MemoryLimitError, match=r"1.5 GiB of memory, and 1.0 GiB are available"):
        made.evaluate(*larger)
    made.evaluate(*prepared())
    assert made.backend == "toy"
    assert made.evaluate(*larger).forces.isfinite().all()
    with pytest.raises(MemoryLimitError, match=r"1,024 atoms .*at least, and memory_limit is 0.54 GB"):
        made.evaluate(*too_large)


@pytest.mark.usefixtures("greedy")
def test_after_a_fallback_a_run_is_not_refused_for_the_memory_that_it_uses_itself() -> None:
    offers = [GIB]
    header = tiny_header()
    made = Executor(
        tiny_model(header),
        header.model,
        backend="greedy",
        dtype=torch.float32,
        device=CPU,
        available=lambda device: offers[0],
    )
    made.evaluate(*prepared())
    offers[0] = 0
    assert made.evaluate(*prepared()).forces.isfinite().all()


def test_nothing_is_repeated_where_no_backend_works_in_blocks(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    row = BACKENDS["toy"].families["alignn_smooth"]._replace(held=None)
    monkeypatch.setitem(BACKENDS, "toy", Backend({"alignn_smooth": row}))
    with pytest.raises(MemoryLimitError, match="take a smaller structure, a smaller batch"):
        executor("toy").evaluate(*prepared())
    assert toy.limits == [None]


def test_a_change_by_name_keeps_the_limits(toy: Toy) -> None:
    made = executor("toy", limits=Limits(memory_bytes=4 * GIB))
    with pytest.raises(ConfigError, match="keep to a memory_limit"):
        made.use("eager")
    assert made.backend == "toy"
    made.use("toy")
    assert made.limits == Limits(memory_bytes=4 * GIB)
