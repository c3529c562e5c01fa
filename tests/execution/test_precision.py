"""The float32 error of a backend is at most twice that of float32 eager; float64 eager is the reference.

On weights as strong as trained ones: forces of some eV/Å, in structures without any symmetry.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff.checkpoint import Header
from alignn_ff.execution import BACKENDS, why_not
from alignn_ff.graph import TensorPrediction
from alignn_ff.loading import DTYPES, cast_network
from alignn_ff.potential import Potential, load_potential
from tests.support.line_graph import LINE_GRAPH_MODEL
from tests.support.tiny_models import tiny_model
from tests.support.wide_headers import HEADERS

TRAINED_FORCE = 1.0
"""RMS force, eV/Å, of such rattled structures in a trained model."""


SAMPLES = 24
"""Structures whose errors are compared. The error of an energy is a sum of rounding errors of random sign, so the RMS
of few of them is itself random: of 6 energies, eager had 3.9e-6 eV with AVX2 and 10.8e-6 eV with SSE."""


def structures(elements: Sequence[int], n: int = 6) -> list[Atoms]:
    """Crystals strained, rattled by 0.2 Å, of mixed elements."""
    made = []
    for seed in range(n):
        generator = np.random.default_rng(seed)
        atoms = bulk("Si", cubic=True).repeat((2, 1, 1))
        atoms.numbers = generator.choice(elements, len(atoms))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.04 * generator.standard_normal((3, 3))), scale_atoms=True)
        atoms.positions += 0.2 * generator.standard_normal(atoms.positions.shape)
        made.append(atoms)
    return made


def strong(model_header: Header) -> dict[str, torch.Tensor]:
    """Random weights, scaled until forces are as large as those of a trained model."""
    model = cast_network(tiny_model(model_header), torch.float64)
    atoms = structures(model_header.elements)
    for _ in range(30):
        said = potential(model_header, model.state_dict(), "float64", "eager").predict_tensors(atoms)
        if torch.cat([p.forces for p in said]).square().mean().sqrt() > TRAINED_FORCE:
            return model.state_dict()
        for parameter in model.parameters():
            parameter.copy_(parameter.mul(1.15).float())  # a model of float32 loses nothing of them
    raise AssertionError("forces stay small")


def potential(model_header: Header, weights: dict[str, torch.Tensor], dtype: str, backend: str) -> Potential:
    model = cast_network(tiny_model(model_header), torch.float64)
    model.load_state_dict(weights)
    here = {"device": torch.device("cpu"), "dtype": DTYPES[dtype]}
    return Potential("strong", model_header, model, **here, backend=backend)  # type: ignore[arg-type]


def errors(said: Sequence[TensorPrediction], truth: Sequence[TensorPrediction]) -> dict[str, float]:
    """RMS error of each field over all structures."""
    return {
        name: float(torch.cat([(getattr(a, name) - getattr(b, name)).ravel() for a, b in pairs]).square().mean().sqrt())
        for pairs in [list(zip(said, truth, strict=True))]
        for name in ("atomic_energy", "energy", "forces", "stress")
    }


def check(found: dict[str, float], allowed: dict[str, float]) -> None:
    for name, error in found.items():
        assert error <= 2.0 * allowed[name], f"{name}: {error:.2e}, eager has {allowed[name]:.2e}"


@pytest.mark.parametrize("name", HEADERS)
def test_every_backend_errs_at_most_twice_as_much_as_eager_on_strong_weights(name: str, kernels: object) -> None:
    model_header = HEADERS[name]
    weights, atoms = strong(model_header), structures(model_header.elements, SAMPLES)
    truth = potential(model_header, weights, "float64", "eager").predict_tensors(atoms)
    allowed = errors(potential(model_header, weights, "float32", "eager").predict_tensors(atoms), truth)
    tested = []
    for backend in set(BACKENDS) - {"eager"}:
        model = potential(model_header, weights, "float32", "eager").model
        if why_not(backend, model_header.model.name, model) is None:
            tested.append(backend)
            check(errors(potential(model_header, weights, "float32", backend).predict_tensors(atoms), truth), allowed)
    assert "native" in tested


def test_every_backend_errs_at_most_twice_as_much_as_eager_on_a_trained_model(kernels: object) -> None:
    atoms = structures([14], SAMPLES)
    truth = load_potential(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager").predict_tensors(atoms)
    assert torch.cat([p.forces for p in truth]).square().mean().sqrt() > TRAINED_FORCE
    allowed = errors(load_potential(LINE_GRAPH_MODEL, device="cpu", backend="eager").predict_tensors(atoms), truth)
    check(
        errors(load_potential(LINE_GRAPH_MODEL, device="cpu", backend="native").predict_tensors(atoms), truth), allowed
    )
