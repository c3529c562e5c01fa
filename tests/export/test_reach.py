"""The reach of a network: no energy reads beyond it, and some energy reads nearly as far."""

import numpy as np
import pytest
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.export.reach import length, network_reach
from alignn_ff.export.torchscript.host import domain_refusal, host_lines
from alignn_ff.export.torchscript.networks import NETWORKS
from alignn_ff.graph import GraphRecipe
from alignn_ff.models import AlignnAtomwiseConfig, AlignnSmooth, EalignnAtomwiseConfig, ForceFieldConfig
from alignn_ff.potential import Potential
from tests.support.exports import HEADERS, MOMENTS, eager
from tests.support.tiny_models import CONFIG, PUBLISHED, published_header, tiny_header


def chain(length_A: float, step_A: float) -> Atoms:
    """A straight chain of silicon that is longer than ``length_A``."""
    n = int(length_A / step_A) + 2
    return Atoms(f"Si{n}", [[step_A * k, 0.0, 0.0] for k in range(n)])


def read_by_the_first_atom(potential: Potential, atoms: Atoms) -> NDArray[np.float64]:
    """Distances, Å, of the atoms whose displacement changes the energy of the first one, in any bit."""
    energies = []
    for displaced in range(len(atoms)):
        moved = atoms.copy()
        moved.positions[displaced, 1] += 0.2
        energies.append(float(potential.predict_tensors([moved], derivatives=False)[0].atomic_energy[0]))
    undisturbed = float(potential.predict_tensors([atoms], derivatives=False)[0].atomic_energy[0])
    distance: NDArray[np.float64] = np.linalg.norm(atoms.positions - atoms.positions[0], axis=1)
    return distance[np.array(energies) != undisturbed]


SHAPES = {
    "pairs reach farthest": (2.0, 3.6),
    "angles reach farthest": (4.0, 3.4),
}
LAYERS = {
    "2 + 1": CONFIG,
    "1 + 2": CONFIG.model_copy(update={"alignn_layers": 1, "gcn_layers": 2}),
    "0 + 2": CONFIG.model_copy(update={"alignn_layers": 0, "gcn_layers": 2}),
    "2 + 1, moments": MOMENTS,
    "0 + 3, moments": MOMENTS.model_copy(update={"alignn_layers": 0, "gcn_layers": 3}),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layers", LAYERS)
def test_no_energy_reads_beyond_the_reach_and_some_energy_reads_nearly_as_far(layers: str, shape: str) -> None:
    """A layer reads one bond of the chain; one with angles, if bonds are below the three-body cutoff, reads two."""
    three_body, step = SHAPES[shape]
    recipe = GraphRecipe(cutoff=4.5, three_body_cutoff=three_body)
    config = LAYERS[layers].model_copy(update={"exponent": 12})  # envelopes that are not yet zero near the cutoff
    potential = eager(tiny_header(config=config, recipe=recipe))
    assert isinstance(potential.model, AlignnSmooth)
    reach = network_reach(potential.model)
    farthest = read_by_the_first_atom(potential, chain(reach, step)).max()
    assert farthest <= reach
    bonds_per_block = 2 if step < three_body else 1
    assert farthest == pytest.approx(step * (bonds_per_block * config.alignn_layers + config.gcn_layers))
    if bonds_per_block == 2 and config.alignn_layers:
        assert farthest > recipe.cutoff * (config.alignn_layers + config.gcn_layers)


PUBLISHED_LAYERS: dict[str, ForceFieldConfig] = {
    f"{name}, {alignn} + {gcn}": config(**{**PUBLISHED, "alignn_layers": alignn, "gcn_layers": gcn})
    for name, config in (("atomwise", AlignnAtomwiseConfig), ("ealignn", EalignnAtomwiseConfig))
    for alignn, gcn in ((2, 1), (1, 2), (3, 0))
}


@pytest.mark.parametrize("step", [3.4, 2.2])
@pytest.mark.parametrize("name", PUBLISHED_LAYERS)
def test_published_networks_reach_as_many_cutoffs_as_they_have_layers(name: str, step: float) -> None:
    config = PUBLISHED_LAYERS[name]
    potential = eager(published_header(config, GraphRecipe(cutoff=4.5, three_body_cutoff=3.5, back_tracking=True)))
    walks = NETWORKS[config.name].walks
    assert walks is not None
    layers = walks(potential.model)
    hop = layers[0][0][0]
    assert hop == (4.0 if config.name == "ealignn_atomwise" else 4.5)
    reach = length(layers)
    farthest = read_by_the_first_atom(potential, chain(reach, step)).max()
    assert farthest <= reach == 3 * hop
    assert farthest == pytest.approx(3 * step * int(hop / step))


def test_what_a_host_reads_of_a_file_and_which_graphs_it_cannot_have() -> None:
    recipe = GraphRecipe(cutoff=4.0, three_body_cutoff=3.0, cutoff_extra=1.0, own_image_angles=False)
    potential = eager(published_header(AlignnAtomwiseConfig(**PUBLISHED), recipe))
    lines = dict(line.split(" ", 1) for line in host_lines(potential).splitlines())
    assert lines["refusal"] == "none"
    assert lines["walks"] == "4.0 4.0"
    assert float(lines["reach"]) == 8.0
    assert (lines["needs_neighbors"], lines["own_image_limit"]) == ("1", "3.0")
    smooth = eager(tiny_header())
    lines = dict(line.split(" ", 1) for line in host_lines(smooth).splitlines())
    assert lines["walks"] == "4.5 3.2+3.2/4.5 3.2+3.2/4.5"
    assert isinstance(smooth.model, AlignnSmooth)
    assert float(lines["reach"]) == pytest.approx(network_reach(smooth.model))
    assert "fast_graph" in str(domain_refusal(eager(HEADERS["published, 12 neighbours"])))
