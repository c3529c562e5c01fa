"""A potential evaluates any list of structures, and refuses unsupported requests."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from alignn_ff import checkpoint
from alignn_ff.errors import (
    CheckpointError,
    ConfigError,
    DifferentiationError,
    ElementNotCoveredError,
    ModelNotFoundError,
    StructureError,
)
from alignn_ff.models import predict
from alignn_ff.potential import load_potential
from alignn_ff.testing import NAMES, structure
from tests.support.layered_headers import HEADERS
from tests.support.tiny_models import ELEMENTS, tiny_header, tiny_model, tiny_potential


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    header = tiny_header()
    checkpoint.save(tmp_path / "run" / "model.pt", header, tiny_model(header).state_dict())
    return tmp_path / "run"


def test_predictions_come_in_order_whatever_the_batch_size() -> None:
    potential = tiny_potential()
    structures = [structure(name, ELEMENTS) for name in NAMES]
    all_at_once = potential.predict_tensors(structures, batch_size=100)
    for batch_size in (1, 2, 5):
        for one, other in zip(potential.predict_tensors(structures, batch_size=batch_size), all_at_once, strict=True):
            torch.testing.assert_close(one[:4], other[:4], rtol=0, atol=1e-9, equal_nan=True)
    assert [len(p.atomic_energy) for p in all_at_once] == [len(s) for s in structures]
    assert potential.predict_tensors([]) == []


def test_energy_without_derivatives_is_the_same_energy() -> None:
    potential = tiny_potential()
    structures = [structure(name, ELEMENTS) for name in NAMES]
    alone = potential.predict_tensors(structures, derivatives=False)
    assert all(p.forces is None and p.stress is None for p in alone)
    for one, other in zip(alone, potential.predict_tensors(structures), strict=True):
        assert torch.equal(one.energy, other.energy)


def test_prediction_repeats_to_the_bit_and_does_not_change_the_structure() -> None:
    potential, atoms = tiny_potential(dtype="float32"), structure("rattled bulk", ELEMENTS)
    before = atoms.copy()
    first, second = potential.predict_tensors([atoms])[0], potential.predict_tensors([atoms])[0]
    assert all(torch.equal(a, b) for a, b in zip(first[:4], second[:4], strict=True))
    assert atoms == before


def test_predictions_need_no_gradient() -> None:
    for tensor in tiny_potential().predict_tensors([structure("molecule", ELEMENTS)])[0][:4]:
        assert not tensor.requires_grad


def test_forces_do_not_vanish_where_the_caller_switched_gradients_off() -> None:
    potential, atoms = tiny_potential(), structure("rattled bulk", ELEMENTS)
    with torch.no_grad():
        quiet = potential.predict_tensors([atoms])[0]
    assert all(torch.equal(a, b) for a, b in zip(quiet[:4], potential.predict_tensors([atoms])[0][:4], strict=True))


def test_inference_mode_gives_an_error_not_zeros() -> None:
    with torch.inference_mode(), pytest.raises(RuntimeError, match=r"does not require grad|inference"):
        tiny_potential().predict_tensors([structure("rattled bulk", ELEMENTS)])


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_network_is_close_to_double(name: str) -> None:
    single, double = (
        tiny_potential(dtype=d).predict_tensors([structure(name, ELEMENTS)])[0] for d in ("float32", "float64")
    )
    assert {t.dtype for t in single[:4]} == {torch.float64}
    torch.testing.assert_close(single.energy, double.energy, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(single.forces, double.forces, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(single.stress, double.stress, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_double_precision_casts_weights_only_up() -> None:
    header = tiny_header()
    single = tiny_model(header)
    double = tiny_potential(header).model
    for a, b in zip(single.parameters(), double.parameters(), strict=True):
        assert b.dtype == torch.float64
        assert torch.equal(a.double(), b)
    buffers = dict(double.named_buffers())
    assert buffers["scale"].dtype == buffers["table.reference"].dtype == torch.float64


def test_the_error_of_an_unknown_element_lists_those_of_the_model() -> None:
    atoms = Atoms("CSiGe", np.diag([0.0, 2.0, 4.0]))
    with pytest.raises(
        ElementNotCoveredError, match=r"model 'tiny' covers H, O, Si, but the structure has C, Ge; .*zoo"
    ):
        tiny_potential().predict_tensors([structure("bulk", (14,)), atoms])


def test_bad_structure_is_refused_before_anything_is_computed() -> None:
    atoms = structure("bulk", (14,))
    atoms.positions[2] = np.nan
    with pytest.raises(StructureError, match="2 are not finite"):
        tiny_potential().predict_tensors([atoms])


# loading


def test_model_loads_by_file_and_by_folder(model_folder: Path) -> None:
    atoms = structure("rattled bulk", ELEMENTS)
    expected = tiny_potential(dtype="float32").predict_tensors([atoms])[0]
    for where in (model_folder, str(model_folder), model_folder / "model.pt"):
        potential = load_potential(where, device="cpu")
        assert potential.header == tiny_header()
        assert torch.equal(potential.predict_tensors([atoms])[0].forces, expected.forces)


def test_best_model_of_a_training_folder_is_found(model_folder: Path) -> None:
    (model_folder / "model.pt").rename(model_folder / "best_model.pt")
    assert load_potential(model_folder, device="cpu").header == tiny_header()


def test_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no model 'no-such-model': no such file or folder, and the zoo has"):
        load_potential("no-such-model")
    with pytest.raises(ModelNotFoundError, match="holds no model"):
        load_potential(tmp_path)


def test_broken_model_file_is_an_error_for_people(model_folder: Path) -> None:
    (model_folder / "model.pt").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="damaged"):
        load_potential(model_folder)


def test_auto_needs_a_structure() -> None:
    with pytest.raises(ConfigError, match="name a model instead"):
        load_potential("auto")


def test_unknown_dtype_is_refused(model_folder: Path) -> None:
    with pytest.raises(ConfigError, match="dtype is 'float16'; allowed are float32, float64"):
        load_potential(model_folder, dtype="float16")  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["cuda:97", "gpu", "", "tpu:0"])
def test_device_that_is_not_here_is_refused(model_folder: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{device}' is not available here"):
        load_potential(model_folder, device=device)


@pytest.mark.parametrize("backend", ["eager", "native", "blocked"])
def test_the_error_of_what_cannot_be_differentiated_names_what_can(backend: str, kernels: object) -> None:
    model_header = HEADERS["3 + 1 layers"] if backend == "blocked" else tiny_header()
    potential = tiny_potential(model_header)
    potential.executor.use(backend)
    system, graph, _ = potential.prepare(structure("rattled bulk", ELEMENTS))
    for name in ("positions", "cell"):
        asking = system._replace(**{name: getattr(system, name).clone().requires_grad_()})
        with pytest.raises(
            DifferentiationError, match=rf"backend '{backend}' returns numbers without history.*predict"
        ):
            potential.evaluate(asking, graph)
        with torch.no_grad():
            assert not potential.evaluate(asking, graph).forces.requires_grad
    positions = system.positions.clone().requires_grad_()
    said = predict(potential.model, system._replace(positions=positions), graph, create_graph=True)
    (curvature,) = torch.autograd.grad(said.forces[0, 0], positions)
    assert curvature.abs().max() > 0
