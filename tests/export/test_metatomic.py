"""Files of the target metatomic: proven as an engine reads them, and the same under metatomic's ASE calculator."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from alignn_ff.errors import ConfigError
from alignn_ff.export import export, proof
from alignn_ff.export.structures import proof_structures
from tests.support.command_line import CommandLine
from tests.support.exports import HEADERS, SMOOTH, eager, model_file

WITHOUT = pytest.mark.filterwarnings("ignore")  # of metatomic itself, and of torch.jit, which it uses


@pytest.fixture
def _few_structures(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ("small bulk", "slab", "lone atom")

    def few(elements: tuple[int, ...]) -> dict[str, object]:
        everything = proof_structures(elements)
        return {name: everything[name] for name in chosen}

    monkeypatch.setattr(proof, "proof_structures", few)


@WITHOUT
@pytest.mark.usefixtures("_few_structures")
def test_a_file_gives_the_numbers_of_the_package_in_ase_and_keeps_its_record(tmp_path: Path) -> None:
    pytest.importorskip("metatomic.torch", reason="metatomic is not installed; pip install 'alignn-ff[metatomic]'")
    metatomic_ase = pytest.importorskip("metatomic_ase", reason="metatomic-ase is not installed")
    made = export(model_file(tmp_path / "m.pt", SMOOTH["smooth"]), tmp_path / "o.pt", to="metatomic", dtype="float64")
    assert max(row.exceeded for row in made.proof.differences) <= 1
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=2)
    atoms.numbers[::3] = 8
    atoms.calc = metatomic_ase.MetatomicCalculator(tmp_path / "o.pt", device="cpu")
    (expected,) = eager(SMOOTH["smooth"]).predict_tensors([atoms])
    assert expected.forces is not None
    assert expected.stress is not None
    assert atoms.get_potential_energy() == pytest.approx(float(expected.energy[0]), abs=1e-10)
    np.testing.assert_allclose(atoms.get_forces(), expected.forces.numpy(), atol=1e-10)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), expected.stress[0].numpy(), atol=1e-10)


def test_without_metatomic_and_for_capped_graphs_the_export_is_refused_in_words(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ended = command_line("export", model_file(tmp_path / "m.pt", SMOOTH["smooth"]), "--to", "metatomic")
    assert ended.code == 2
    assert "pip install 'alignn-ff[metatomic]'" in " ".join(ended.stderr.split())
    capped = model_file(tmp_path / "c.pt", HEADERS["published, 12 neighbours"])
    with pytest.raises(ConfigError, match="its graph is fast_graph"):
        export(capped, tmp_path / "c.lammps.pt", to="lammps-torch")
