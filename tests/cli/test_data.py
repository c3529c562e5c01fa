"""The commands of ``alignn-ff data``."""

import json
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.testing import assert_allclose

from alignn_ff.train import DataKeys, Record, read_records
from alignn_ff.train.datasets import write_records
from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.published_data import write_property_folder
from tests.support.training_runs import SMALL


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "cu.extxyz", copper_frames(12))


def assert_same_records(found: list[Record], expected: list[Record]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one.atoms.positions, other.atoms.positions, atol=1e-7)
        assert (one.atoms.pbc == other.atoms.pbc).all()
        assert (one.group, list(one.atoms.symbols)) == (other.group, list(other.atoms.symbols))
        for name in ("energy", "forces", "stress", "atomwise", "additional"):
            label = getattr(other, name)
            if label is None:
                assert getattr(one, name) is None, name
            else:
                assert_allclose(getattr(one, name), label, atol=1e-6)


def test_describe_reports_contents_and_findings_as_text_json_and_figures(
    tmp_path, data, command_line: CommandLine
) -> None:
    frames = copper_frames(12)
    for frame in frames:
        frame.calc.results["forces"] = -frame.calc.results["forces"]
    wrong = write_frames(tmp_path / "wrong.extxyz", frames)
    assert "could not be checked" in command_line("data", "describe", f"{wrong}@0").stdout
    assert "wrong.extxyz@0: 1 structure, 4 atoms" in command_line("data", "describe", f"{wrong}@0").stdout
    said = command_line("data", "describe", data)
    assert said.code == 0
    assert "12 structures, 48 atoms" in said.stdout
    assert "no problems found" in said.stdout
    assert "could not be checked" not in said.stdout
    result = command_line("data", "describe", data, wrong, "--json", "--plots", tmp_path / "plots")
    content = json.loads(result.stdout)
    assert content["sets"]["cu.extxyz"]["n_atoms"] == 48
    assert content["sets"]["cu.extxyz"]["ranges"]["energy_eV_per_atom"]["n"] == 12
    kinds = {finding["kind"] for finding in content["findings"]}
    assert {"units of forces", "leak"} <= kinds
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {"labels.png", "elements.png", "shortest_distances.png"}


@pytest.mark.parametrize("suffix", ["extxyz", "json", "db"])
def test_convert_keeps_structures_labels_and_units(tmp_path, data, command_line: CommandLine, suffix: str) -> None:
    molecules = write_frames(tmp_path / "co.extxyz", molecule_frames(2))
    target = tmp_path / f"all.{suffix}"
    result = command_line("data", "convert", data, molecules, "-o", target)
    assert result.code == 0, result.stderr
    assert_same_records(read_records(target), [*read_records(data), *read_records(molecules)])
    again = command_line("data", "convert", data, "-o", target)
    assert again.code == 2
    assert "already; nothing was written" in again.stderr
    assert command_line("data", "convert", data, "-o", target, "--overwrite").code == 0
    assert len(read_records(target)) == 12


@pytest.mark.parametrize("suffix", ["extxyz", "json", "db"])
def test_properties_survive_conversion(tmp_path: Path, suffix: str) -> None:
    records = [
        record._replace(
            target=np.array([0.5, k]), atomwise=np.full((4, 2), k + 0.5), additional=np.array([1.0, 2.0, k])
        )
        for k, record in enumerate(read_records(write_property_folder(tmp_path / "folder", [[1.0], [2.0]])))
    ]
    bare = [record._replace(energy=None) for record in records]
    write_records(tmp_path / f"x.{suffix}", bare)
    found = read_records(tmp_path / f"x.{suffix}", DataKeys(target="target"))
    for k, record in enumerate(found):
        assert_allclose(record.target, [0.5, k])
        assert record.identifier == bare[k].identifier
        assert_allclose(record.atomwise, bare[k].atomwise)
        assert_allclose(record.additional, bare[k].additional)


def test_outputs_of_vasp_are_converted(tmp_path: Path, command_line: CommandLine) -> None:
    (tmp_path / "vasprun.xml").write_text(VASPRUN)
    result = command_line("data", "convert", tmp_path / "vasprun.xml", "-o", tmp_path / "out.extxyz")
    assert result.code == 0, result.stderr
    (record,) = read_records(tmp_path / "out.extxyz")
    assert record.energy == pytest.approx(-3.5)
    assert_allclose(record.forces, [[0.1, 0.0, 0.0]])
    assert_allclose(np.diag(record.stress) * 1602.1766, [-10.0, -10.0, -10.0], rtol=1e-4)  # kbar, pressure positive


VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator><i name="program" type="string">vasp </i><i name="version" type="string">6.4.2  </i></generator>
 <incar><i type="int" name="IBRION">    -1</i></incar>
 <kpoints><varray name="kpointlist" ><v> 0.0 0.0 0.0 </v></varray></kpoints>
 <parameters><separator name="electronic" ><i name="ENMAX"> 400.0</i></separator></parameters>
 <atominfo><atoms> 1 </atoms><types> 1 </types>
  <array name="atoms" ><dimension dim="1">ion</dimension><field type="string">element</field>
   <field type="int">atomtype</field><set><rc><c>Cu</c><c> 1</c></rc></set></array>
 </atominfo>
 <structure name="initialpos" ><crystal><varray name="basis" >
  <v> 2.5 0.0 0.0 </v><v> 0.0 2.5 0.0 </v><v> 0.0 0.0 2.5 </v></varray></crystal>
  <varray name="positions" ><v> 0.0 0.0 0.0 </v></varray></structure>
 <calculation>
  <scstep><energy><i name="e_fr_energy"> -3.5 </i><i name="e_wo_entrp"> -3.5 </i>
   <i name="e_0_energy"> -3.5 </i></energy></scstep>
  <structure><crystal><varray name="basis" >
   <v> 2.5 0.0 0.0 </v><v> 0.0 2.5 0.0 </v><v> 0.0 0.0 2.5 </v></varray></crystal>
   <varray name="positions" ><v> 0.0 0.0 0.0 </v></varray></structure>
  <varray name="forces" ><v> 0.1 0.0 0.0 </v></varray>
  <varray name="stress" ><v> 10.0 0.0 0.0 </v><v> 0.0 10.0 0.0 </v><v> 0.0 0.0 10.0 </v></varray>
  <energy><i name="e_fr_energy"> -3.5 </i><i name="e_wo_entrp"> -3.5 </i><i name="e_0_energy"> -3.5 </i></energy>
 </calculation>
</modeling>
"""


def test_split_writes_parts_without_leaks(tmp_path: Path, command_line: CommandLine) -> None:
    data = write_frames(tmp_path / "cu.extxyz", [*copper_frames(12), *copper_frames(12)])
    words = (
        "data",
        "split",
        data,
        "-o",
        tmp_path / "parts",
        "--ratios",
        "0.5,0.25,0.25",
        "--stratify-by",
        "config_type",
    )
    result = command_line(*words)
    assert result.code == 0, result.stderr
    parts = {name: read_records(tmp_path / "parts" / f"{name}.extxyz") for name in ("train", "val", "test")}
    assert [len(part) for part in parts.values()] == [12, 6, 6]
    ids = json.loads((tmp_path / "parts" / "ids_train_val_test.json").read_text())
    assert ids["val"] == [record.identifier for record in parts["val"]]
    seen = {name: {round(record.energy, 6) for record in part} for name, part in parts.items()}
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert "--overwrite" in command_line(*words).stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("describe", "none.extxyz"), "no such data"),
        (("convert", "cu.extxyz", "-o", "out.cif"), "allowed suffixes are .extxyz"),
        (("split", "cu.extxyz", "-o", "parts", "--ratios", "0.9"), "three numbers"),
        (("split", "cu.extxyz", "-o", "parts", "--ratios", "0.9,0.2,0.2"), "at most 1"),
        (("split", "cu.extxyz", "-o", "parts", "--keep-together", "batch"), "has no 'batch'"),
    ],
)
def test_bad_words_are_one_message(tmp_path, data, command_line: CommandLine, monkeypatch, words, hint: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = command_line("data", *words)
    assert result.code == 2
    assert hint in result.stderr


def test_frames_without_stress_stay_without(tmp_path: Path, command_line: CommandLine) -> None:
    atoms = copper_frames(1)[0]
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((4, 3)))
    ase.io.write(tmp_path / "a.traj", atoms)
    assert command_line("data", "convert", tmp_path / "a.traj", "-o", tmp_path / "a.json").code == 0
    (record,) = read_records(tmp_path / "a.json")
    assert record.stress is None


def test_eval_takes_labels_by_name(tmp_path: Path, command_line: CommandLine) -> None:
    frames = copper_frames(8)
    data = write_frames(tmp_path / "cu.extxyz", frames)
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, "epochs": 1}))
    assert command_line("train", tmp_path / "config.json", "--data", data, "-o", tmp_path / "run").code == 0
    for frame in frames:
        frame.info["REF_energy"] = frame.get_potential_energy() + 4.0  # 1 eV/atom
    other = write_frames(tmp_path / "other.extxyz", frames)
    words = ("eval", tmp_path / "run", other, "--json")
    usual, named = (
        json.loads(command_line(*words, *more).stdout)["metrics"]["all"]["energy_MAE_meV_per_atom"]
        for more in ((), ("--target-key", "REF_energy"))
    )
    assert abs(named - usual) > 100.0


def test_commands_of_data_choose_format_records_and_elements(tmp_path, data, command_line: CommandLine) -> None:
    text = tmp_path / "cu.txt"
    text.write_bytes(data.read_bytes())
    reading = ("--index", ":6")
    described = command_line("data", "describe", text, "--format", "extxyz", *reading, "--json")
    assert json.loads(described.stdout)["sets"]["cu.txt"]["n_structures"] == 6
    converted = command_line("data", "convert", text, "--format", "extxyz", *reading, "-o", tmp_path / "six.extxyz")
    assert converted.code == 0, converted.stderr
    assert_same_records(read_records(tmp_path / "six.extxyz"), read_records(data)[:6])
    parts = ("-o", tmp_path / "parts", "--ratios", "0.5,0.5,0")
    split = command_line("data", "split", text, "--input-format", "extxyz", *reading, *parts)
    assert split.code == 0, split.stderr
    assert sum(len(read_records(tmp_path / "parts" / f"{name}.extxyz")) for name in ("train", "val")) == 6
    for words in (("--index", "x"), ("--format", "nonsense"), ("--elements", "Xy"), ("--elements", "Cu")):
        refused = command_line("data", "describe", data, *words)
        assert refused.code == 2, words
        assert "Traceback" not in refused.stderr


def test_a_second_writer_of_the_same_data_is_refused(tmp_path, data, command_line: CommandLine) -> None:
    writer = "import sys; from pathlib import Path; from alignn_ff.io import sole_writer\n"
    writer += f"with sole_writer([Path({str(tmp_path / 'all.db')!r})]): print('held', flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", writer], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        second = command_line("data", "convert", data, "-o", tmp_path / "all.db")
        other.communicate()
    assert second.code == 2
    assert "is being written by another run" in second.stderr
