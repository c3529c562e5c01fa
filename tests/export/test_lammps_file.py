"""Files of the target lammps: proven by the C++ reader, with an example beside them."""

import json
from pathlib import Path

import numpy as np
import pytest

from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.export import export
from alignn_ff.export.lammps.file import evaluate, read_header, refusal, write
from alignn_ff.export.options import ExportOptions
from alignn_ff.graph import GraphRecipe
from alignn_ff.models import AlignnAtomwiseConfig
from alignn_ff.native import Kernels
from alignn_ff.testing.structures import NAMES, structure
from tests.support.exports import HEADERS, ON_KERNELS, SMOOTH, WIDE, eager, evaluated, model_file, with_repulsion_ends
from tests.support.tiny_models import ELEMENTS, published_header, tiny_header


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
    reference = json.loads((tmp_path / "m.reference.json").read_text())
    assert [path.name for path in made.beside] == ["in.m", "m.data", "m.reference.json"]
    assert f"of alignn-ff: {reference['energy_eV']:.12g}" in (tmp_path / "in.m").read_text()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", ON_KERNELS)
def test_a_published_force_field_on_the_kernels_gives_the_numbers_of_the_package(name: str, tmp_path: Path) -> None:
    potential = eager(ON_KERNELS[name])
    assert refusal(potential) is None
    write(potential, tmp_path / "p.alignn", ExportOptions())
    pairs = [evaluated(potential, structure(kind, ELEMENTS)) for kind in NAMES]
    outputs = evaluate(tmp_path / "p.alignn", [given for given, _ in pairs], False)
    for kind, found, (_, expected) in zip(NAMES, outputs, pairs, strict=True):
        assert expected.forces is not None
        assert expected.stress is not None
        atol = 1e-11 * max(1.0, float(expected.forces.abs().max()))
        np.testing.assert_allclose(found.atomic_energy, expected.atomic_energy, rtol=0, atol=atol, err_msg=kind)
        np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=atol, err_msg=kind)
        np.testing.assert_allclose(found.stress, expected.stress[0], rtol=0, atol=atol, err_msg=kind)


@pytest.mark.usefixtures("_kernels_of_children")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_file_of_a_published_force_field_is_proven_too(dtype: str, tmp_path: Path) -> None:
    model = model_file(tmp_path / "m.pt", ON_KERNELS["envelope on states"])
    made = export(model, tmp_path / "m.alignn", to="lammps", dtype=dtype)
    assert max(row.exceeded for row in made.proof.differences) <= 1
    assert read_header(tmp_path / "m.alignn")["kind"] == "published"


def test_models_that_the_pair_style_would_read_otherwise_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"in multiples of 16 up to 512, not 8 and 8; export it with --to lammps-torch"
    ):
        export(model_file(tmp_path / "p.pt", HEADERS["atomwise"]), tmp_path / "p.alignn", to="lammps")
    capped = GraphRecipe(neighbor_strategy="k-nearest", max_neighbors=12, cutoff=4.5)
    assert "the graph is k-nearest" in str(refusal(eager(published_header(AlignnAtomwiseConfig(**WIDE), capped))))
    assert "attention variants" in str(refusal(eager(HEADERS["pure, self-attention"])))
    twisted = tiny_header(recipe=GraphRecipe(cutoff=4.5, three_body_cutoff=3.2, back_tracking=True))
    with pytest.raises(ConfigError, match="graph recipe of the model is another one"):
        export(model_file(tmp_path / "t.pt", twisted), tmp_path / "t.alignn", to="lammps")
    with pytest.raises(ConfigError, match="stress_unit is 'GPa'"):
        export(tmp_path / "t.pt", tmp_path / "t.alignn", to="lammps", options=ExportOptions(stress_unit="GPa"))
    (tmp_path / "text").write_text("no model")
    with pytest.raises(CheckpointError, match="not a file"):
        read_header(tmp_path / "text")


def test_the_header_holds_the_reach(tmp_path: Path) -> None:
    potential = eager(SMOOTH["smooth, moments"])
    write(potential, tmp_path / "m.alignn", ExportOptions())
    assert float(read_header(tmp_path / "m.alignn")["reach"]) == pytest.approx(2 * 6.4 + 4.5)
