"""The smooth family satisfies the physics contract, with random weights and as shipped.

Some tests break the model on purpose: a law is worth something only if its test can fail.
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from ase import Atoms
from numpy.testing import assert_allclose
from torch import Tensor

from alignn_ff import checkpoint, zoo
from alignn_ff.graph import bond_cosines, build_graph
from alignn_ff.models import FAMILIES, predict
from alignn_ff.potential import Potential, load_potential
from alignn_ff.testing import PhysicsContract, crossing_atom, energies
from tests.support.gpu_contract import GpuContract
from tests.support.tiny_models import CONFIG, RECIPE, tiny_header, tiny_potential

MOMENTS = CONFIG.model_copy(update={"moment_channels": 3})
RANDOM = {
    "silicon": tiny_header((14,)),
    "three elements": tiny_header(),
    "exact free atoms": tiny_header(exact_free_atoms=True),
    "moments": tiny_header(config=MOMENTS),
    "bounded": tiny_header(config=MOMENTS, bounded=True),
    "bounded, exact free atoms": tiny_header(exact_free_atoms=True, bounded=True),
    "moments of order 1, exact free atoms": tiny_header(
        config=MOMENTS.model_copy(update={"max_moment": 1}), exact_free_atoms=True
    ),
    "moments alone": tiny_header(config=MOMENTS.model_copy(update={"alignn_layers": 0, "gcn_layers": 2})),
    "no angles, no repulsion": tiny_header(config=CONFIG.model_copy(update={"alignn_layers": 0, "use_zbl": False})),
}
SHIPPED = tuple(card for card in zoo.cards() if FAMILIES[card.family].smooth)
NAMES = frozenset(card.name for card in SHIPPED)


def shipped_models() -> Iterator[object]:
    """Names, of each size the model of most elements first; further models of the same size are slow."""
    seen = set()
    for card in sorted(SHIPPED, key=lambda card: -len(card.elements)):
        config = checkpoint.read(card.file)[0].model
        size = tuple(getattr(config, name) for name in ("alignn_layers", "gcn_layers", "hidden_features"))
        yield pytest.param(card.name, marks=[pytest.mark.slow] if size in seen else [])
        seen.add(size)


@pytest.fixture(scope="module", params=[*RANDOM, *shipped_models()])
def potential(request: pytest.FixtureRequest) -> Potential:
    if request.param in NAMES:
        return load_potential(request.param, device="cpu", dtype="float64")
    return tiny_potential(RANDOM[request.param])


class TestSmoothFamily(PhysicsContract, GpuContract):
    """Every law, for every model."""


@pytest.fixture(scope="module")
def silicon() -> Potential:
    return tiny_potential(RANDOM["silicon"])


@pytest.mark.parametrize("z", [1, 8, 14])
def test_free_atom_has_exactly_its_reference_energy(z: int) -> None:
    header = RANDOM["exact free atoms"]
    reference = dict(zip(header.elements, header.statistics.reference_energies, strict=True))
    alone, crowd = Atoms([z], [[0, 0, 0]]), Atoms([1, 8, 14, z], 20.0 * np.eye(4, 3))
    for atoms in (alone, crowd):
        prediction = tiny_potential(header).predict_tensors([atoms])[0]
        expected = [reference[n] for n in atoms.numbers]
        assert_allclose(prediction.atomic_energy.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("threshold", ["cutoff", "line_cutoff"])
def test_last_edge_leaves_with_zero_value_slope_and_curvature(silicon: Potential, threshold: str) -> None:
    """With and without an edge that lies δ inside: energy differs by δ³, forces by δ², their slopes by δ."""
    reach = getattr(RECIPE, threshold)
    deltas = np.array([0.08, 0.04, 0.02])
    orders = np.log2(np.array([_what_one_edge_adds(silicon, threshold, reach, d) for d in deltas]))
    measured = orders[:-1] - orders[1:]
    assert_allclose(measured[-1], [3, 2, 1], atol=0.15)


def _what_one_edge_adds(potential: Potential, threshold: str, reach: float, delta: float) -> tuple[float, ...]:
    atoms = crossing_atom(potential, reach - delta)
    shorter = {"cutoff": {"cutoff": reach - 1.01 * delta}, "line_cutoff": {"three_body_cutoff": reach - 1.01 * delta}}
    quantities = []
    for recipe in (RECIPE, RECIPE.model_copy(update=shorter[threshold])):
        system = potential.prepare(atoms).system
        system = system._replace(positions=system.positions.requires_grad_())
        graph = build_graph(system, recipe)
        prediction = predict(potential.model, system, graph, create_graph=True)
        (slope,) = torch.autograd.grad(prediction.forces[-1, 0], system.positions)
        quantities.append([t.detach() for t in (prediction.energy, prediction.forces, slope)])
    return tuple(float((a - b).abs().max()) for a, b in zip(*quantities, strict=True))


def test_angles_beyond_the_three_body_cutoff_do_not_count(silicon: Potential) -> None:
    wide = 0.5 * (RECIPE.cutoff + RECIPE.line_cutoff)
    triangle = Atoms("Si3", [[0, 0, 0], [wide, 0, 0], [0, wide, 0]])
    graph = silicon.prepare(triangle).graph
    assert graph.edge_src.shape[0] == 4
    assert graph.line_src.shape[0] == 0


def test_angle_matters_and_so_does_the_element() -> None:
    model = tiny_potential()
    bent, straight = (
        Atoms([14, 14, 8], [[2.2, 0, 0], [0, 0, 0], [2.2 * np.cos(a), 2.2 * np.sin(a), 0]])
        for a in np.deg2rad([150.0, 180.0])
    )
    swapped = bent.copy()
    swapped.numbers = [14, 8, 14]
    energy_bent, energy_straight, energy_swapped = energies(model, [bent, straight, swapped])
    assert abs(energy_bent - energy_straight) > 1e-3
    assert abs(energy_bent - energy_swapped) > 1e-3


def _cut_off(distance: Tensor, cutoff: float | Tensor, exponent: int = 6) -> Tensor:
    return torch.ones_like(distance)


def _no_curvature_control(distance: Tensor, cutoff: float | Tensor, exponent: int = 6) -> Tensor:
    return (1.0 - (distance / cutoff).clamp(max=1.0)) ** 2


@pytest.mark.parametrize("envelope", [_cut_off, _no_curvature_control], ids=["step", "jump in curvature"])
@pytest.mark.parametrize("threshold", ["cutoff", "line_cutoff"])
def test_contract_notices_an_envelope_that_is_not_smooth(
    silicon: Potential, monkeypatch: pytest.MonkeyPatch, envelope: Callable[..., Tensor], threshold: str
) -> None:
    for user in ("models.alignn_smooth", "nn.bond_basis"):
        monkeypatch.setattr(sys.modules[f"alignn_ff.{user}"], "polynomial_envelope", envelope)
    with pytest.raises(AssertionError):
        TestSmoothFamily().test_nothing_jumps_when_an_edge_crosses_a_cutoff(silicon, threshold)


@pytest.mark.parametrize("margin", [1e-7, 1e-12])
@pytest.mark.parametrize("angle", [0.0, 180.0])
def test_contract_notices_a_clamped_cosine(
    silicon: Potential, monkeypatch: pytest.MonkeyPatch, angle: float, margin: float
) -> None:
    def clamped(first: Tensor, second: Tensor) -> Tensor:
        return bond_cosines(first, second).clamp(-1 + margin, 1 - margin)

    monkeypatch.setattr("alignn_ff.models.alignn_smooth.bond_cosines", clamped)
    with pytest.raises(AssertionError):
        TestSmoothFamily().test_second_derivatives_are_right_at_a_straight_angle(silicon, angle)
