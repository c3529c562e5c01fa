"""Names of outputs: what a user gives is a path, or a folder for the usual name."""

from pathlib import Path

import pytest
from ase.build import bulk

from alignn_ff.analysis import analysis_files
from alignn_ff.io import named_output
from alignn_ff.md import md_files
from alignn_ff.relax import relax_files


@pytest.mark.parametrize("output", ["new/", "there", "there/", Path("there")])
def test_a_folder_takes_the_usual_name(output: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    assert named_output(output, "si-md") == Path(output) / "si-md"


def test_another_word_is_the_name_itself() -> None:
    assert named_output("runs/first", "si-md") == Path("runs/first")
    assert named_output(None, "si-md") == Path("si-md")


def test_every_run_writes_into_a_folder_that_its_output_names(tmp_path: Path) -> None:
    assert md_files("si.vasp", prefix="new/").restart == Path("new/si-md.restart")
    assert md_files("si.vasp", prefix=tmp_path).log == tmp_path / "si-md.csv"
    assert relax_files("si.vasp", bulk("Si"), output="new/").structure == Path("new/si-relaxed.vasp")
    assert analysis_files("si.traj", ["rdf"], prefix="new/").summary == Path("new/si-analysis.json")
