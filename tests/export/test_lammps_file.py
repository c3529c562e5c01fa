"""Files of the target lammps: proven by the C++ reader, and a reach that no force goes beyond."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.export import export
from alignn_ff.export.lammps.file import read_header, write
from alignn_ff.export.options import ExportOptions
from alignn_ff.export.reach import network_reach
from alignn_ff.graph import GraphRecipe
from alignn_ff.models import AlignnSmooth
from alignn_ff.native import Kernels
from tests.support.exports import HEADERS, MOMENTS, SMOOTH, eager, model_file, with_repulsion_ends
from tests.support.tiny_models import CONFIG, tiny_header


@pytest.fixture
def _kernels_of_children(kernels: Kernels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that proves a file finds the compiled kernels of the session."""
    (tmp_path / "cache" / "alignn-ff").mkdir(parents=True)
    (tmp_path / "cache" / "alignn-ff" / "kernels").symlink_to(kernels.path.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_kernels_of_children")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_file_is_proven_by_the_reader_of_the_pair_style(dtype: str, tmp_path: Path) -> None:
    header = with_repulsion_ends(SMOOTH["smooth, moments"], (1, 14, 1.1))
    made = export(model_file(tmp_path / "m.pt", header), tmp_path / "m.alignn", to="lammps", dtype=dtype)
    assert max(row.exceeded for row in made.proof.differences) <= 1
    assert made.proof.tolerance == {"float64": 1e-10, "float32": 1e-3}[dtype]
    found = read_header(tmp_path / "m.alignn")
    assert found["dtype"] == dtype
    assert found["elements"] == "H O Si"
    assert '"differences"' in found["proof"]


def test_models_that_the_pair_style_would_read_otherwise_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"runs the family alignn_smooth, .* export it with --to lammps-torch"):
        export(model_file(tmp_path / "p.pt", HEADERS["atomwise"]), tmp_path / "p.alignn", to="lammps")
    twisted = tiny_header(recipe=GraphRecipe(cutoff=4.5, three_body_cutoff=3.2, back_tracking=True))
    with pytest.raises(ConfigError, match="graph recipe of the model is another one"):
        export(model_file(tmp_path / "t.pt", twisted), tmp_path / "t.alignn", to="lammps")
    with pytest.raises(ConfigError, match="stress_unit is 'GPa'"):
        export(tmp_path / "t.pt", tmp_path / "t.alignn", to="lammps", options=ExportOptions(stress_unit="GPa"))
    (tmp_path / "text").write_text("no model")
    with pytest.raises(CheckpointError, match="not a file"):
        read_header(tmp_path / "text")


def chain(length_A: float, step_A: float) -> Atoms:
    """A straight chain of silicon that is longer than ``length_A``."""
    n = int(length_A / step_A) + 2
    return Atoms(f"Si{n}", [[step_A * k, 0.0, 0.0] for k in range(n)])


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
    atoms = chain(reach, step)
    energies = []
    for displaced in range(len(atoms)):
        moved = atoms.copy()
        moved.positions[displaced, 1] += 0.2
        energies.append(float(potential.predict([moved], derivatives=False)[0].atomic_energy[0]))
    undisturbed = float(potential.predict([atoms], derivatives=False)[0].atomic_energy[0])
    changed = np.array(energies) != undisturbed
    distance = np.linalg.norm(atoms.positions - atoms.positions[0], axis=1)
    assert not changed[distance > reach].any()
    farthest = distance[changed].max()
    bonds_per_block = 2 if step < three_body else 1
    assert farthest == pytest.approx(step * (bonds_per_block * config.alignn_layers + config.gcn_layers))
    if bonds_per_block == 2 and config.alignn_layers:
        assert farthest > recipe.cutoff * (config.alignn_layers + config.gcn_layers)


def test_the_header_holds_the_reach(tmp_path: Path) -> None:
    potential = eager(SMOOTH["smooth, moments"])
    write(potential, tmp_path / "m.alignn", ExportOptions())
    assert float(read_header(tmp_path / "m.alignn")["reach"]) == pytest.approx(2 * 6.4 + 4.5)
