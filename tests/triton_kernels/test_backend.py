"""The backend triton and the kernels of a training: the numbers of eager, the choice, the refusals."""

import subprocess
import sys

import pytest
import torch
from ase import Atoms
from torch import Tensor

from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.execution import choose_backend
from alignn_ff.execution.smooth import triton as backend
from alignn_ff.loading import DTYPES
from alignn_ff.models import predict
from alignn_ff.native import kernels_for, using
from alignn_ff.potential import Potential
from alignn_ff.train.checks import check_choices
from alignn_ff.train.kernels import training_kernels
from alignn_ff.triton_kernels import kernels as interface
from tests.support.published_headers import HEADERS as PUBLISHED
from tests.support.tiny_models import CONFIG, tiny_header, tiny_model
from tests.support.training_runs import small_config

HEADERS = {
    "without moments": tiny_header(),
    "moments": tiny_header(config=CONFIG.model_copy(update={"moment_channels": 3, "max_moment": 2})),
}
CLOSE = {"float64": 1e-10, "float32": 1e-4}
"""Largest difference to float64 eager, eV and eV/Å; float32 eager is measured beside."""


def water() -> Atoms:
    """A molecule, and an atom without neighbours."""
    return Atoms("OH2Si", [[0, 0, 0], [0.96, 0.1, 0], [-0.2, 0.9, 0.3], [30, 0, 0]])


def potential(name: str, where: torch.device, dtype: str, on: str) -> Potential:
    header = HEADERS[name]
    return Potential(name, header, tiny_model(header), device=where, dtype=DTYPES[dtype], backend=on)  # type: ignore[index]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", HEADERS)
def test_energy_forces_and_stress_are_those_of_eager(triton_kernels, where, name: str, dtype: str) -> None:
    atoms = water()
    exact = potential(name, where, "float64", "eager").predict_tensors([atoms])[0]
    found = potential(name, where, dtype, "triton").predict_tensors([atoms])[0]
    assert exact.forces is not None
    assert exact.forces.abs().max() > 0.1
    for here, there in zip(found[:3], exact[:3], strict=True):
        torch.testing.assert_close(here, there, rtol=0, atol=CLOSE[dtype])


@pytest.mark.parametrize("name", HEADERS)
def test_gradients_of_a_loss_on_forces_are_those_of_torch(triton_kernels, where, name: str) -> None:
    made = potential(name, where, "float64", "eager")
    prepared = made.prepare(water())
    model = made.model.requires_grad_()

    def gradients() -> tuple[Tensor | None, ...]:
        predicted = predict(model, prepared.system, prepared.graph, create_graph=True)
        assert predicted.forces is not None
        loss = predicted.forces.square().sum() + predicted.energy.square().sum()
        return torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)

    expected = gradients()
    with using(triton_kernels):
        found = gradients()
    assert any(gradient is not None for gradient in expected)
    for here, there in zip(found, expected, strict=True):
        assert (here is None) == (there is None)
        if here is not None and there is not None:
            torch.testing.assert_close(here, there, rtol=1e-9, atol=1e-9 * (1 + there.abs().max().item()))


def test_kernels_take_tensors_of_one_dtype_on_their_device_for_what_they_have(triton_kernels, where) -> None:
    single, double = torch.zeros(2, device=where), torch.zeros(2, device=where, dtype=torch.float64)
    with using(triton_kernels):
        assert kernels_for("gated_sum", [single, single]) is triton_kernels
        assert kernels_for("sent_contraction", [double]) is triton_kernels
        assert kernels_for("gated_mean", [single]) is None
        assert kernels_for("gated_sum", [single, double]) is None
        assert kernels_for("gated_sum", [single.half()]) is None
        assert kernels_for("gated_sum", [torch.zeros(2, device="meta")]) is None


# choice; none of these needs triton


def test_auto_does_not_take_triton(monkeypatch) -> None:
    monkeypatch.setattr(backend, "triton_refusal", lambda device: None)  # as on a CUDA device
    assert choose_backend("auto", "alignn_smooth", tiny_model(tiny_header())) == "eager"


def test_the_interpreter_runs_on_the_cpu(monkeypatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(interface, "find_spec", lambda name: object())
    model = tiny_model(tiny_header())
    assert choose_backend("triton", "alignn_smooth", model) == "triton"


def test_refusals_name_the_reason(monkeypatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    model = tiny_model(tiny_header())
    with pytest.raises(ConfigError, match="it is for CUDA devices, and the model is on cpu; take auto or eager"):
        choose_backend("triton", "alignn_smooth", model)
    with pytest.raises(ConfigError, match=r"the model is in torch\.float16"):
        choose_backend("triton", "alignn_smooth", tiny_model(tiny_header()).half())
    with pytest.raises(ConfigError, match="it is for alignn_smooth, and the model is an alignn_atomwise"):
        choose_backend("triton", "alignn_atomwise", tiny_model(PUBLISHED["atomwise"]))
    monkeypatch.setattr(interface, "find_spec", lambda name: None)
    assert "alignn-ff[triton]" in str(interface.triton_refusal(torch.device("cuda")))


@pytest.mark.parametrize("failure", [RuntimeError("Failed to find C compiler"), None], ids=["raises", "is wrong"])
def test_a_trial_that_fails_is_an_error(monkeypatch, failure) -> None:
    pytest.importorskip("triton", reason="triton is not installed")

    def trial(kernels: object, device: torch.device) -> Tensor:
        if failure is not None:
            raise failure
        return torch.tensor([0.0, 2.0])

    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(interface, "_trial", trial)
    expected = "Failed to find C compiler; take backend eager" if failure else "not .0, 3.; take backend eager"
    with pytest.raises(CompilerError, match=expected):
        interface.find_triton.__wrapped__()


@pytest.mark.config_field("kernels")
def test_trainings_take_triton_by_name_only_for_their_family_and_device(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    config = small_config(tmp_path, kernels="triton")
    check_choices(config)
    with pytest.raises(ConfigError, match="kernels is 'triton', but it is for CUDA devices"):
        training_kernels(config, n_steps=1, device=torch.device("cpu"))
    published = config.model_copy(update={"model": PUBLISHED["atomwise"].model})
    with pytest.raises(ConfigError, match="those are for alignn_smooth, not for an alignn_atomwise; set it to auto"):
        check_choices(published)
    assert training_kernels(small_config(tmp_path), n_steps=10**6, device=torch.device("cuda")).name == "torch"


def test_importing_the_package_imports_no_triton() -> None:
    check = "import alignn_ff.potential, alignn_ff.train, sys; sys.exit('triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
