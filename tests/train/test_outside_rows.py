"""A row added to a table from outside the package is used by name through the public API."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff.errors import ConfigError
from alignn_ff.train import read_records, train, validate_config
from alignn_ff.train.choices.criteria import CRITERIA, Criterion
from alignn_ff.train.choices.optimizers import OPTIMIZERS
from alignn_ff.train.choices.schedules import SCHEDULES
from alignn_ff.train.config.reference import field_reference, json_schema
from alignn_ff.train.datasets import write_records
from alignn_ff.train.datasets.formats import FORMATS, DataFormat
from alignn_ff.train.labels import LABELS, Label
from alignn_ff.train.records.record import Record
from alignn_ff.units import GPA_PER_EV_PER_A3
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent

CHOICES = {
    "criterion": (CRITERIA, Criterion(lambda predicted, label, _delta: (predicted - label).abs().log1p())),
    "optimizer": (OPTIMIZERS, lambda groups, learning_rate: torch.optim.RMSprop(groups, lr=learning_rate)),
    "scheduler": (SCHEDULES, lambda step, n_steps, n_warmup: 1.0 / (1.0 + step)),
}
"""Field of the config → its table, and a row of ours."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "cu.extxyz", copper_frames(8))


def run(folder: Path, data: Path, **changes: object):
    content = {**SMALL, "epochs": 3, "num_workers": 0, "use_lmdb": False, "output_dir": str(folder), **changes}
    result = train(validate_config(content), observer=Silent(), data=data, device="cpu")
    assert result is not None
    return result


@pytest.mark.parametrize("field", CHOICES)
def test_a_choice_of_ours_trains_and_stands_in_schema_and_reference(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    table, row = CHOICES[field]
    with pytest.raises(ConfigError, match=f"{field}: Input should be .*given: 'ours'"):
        validate_config({**SMALL, field: "ours"})
    usual = run(tmp_path / "usual", data)
    monkeypatch.setitem(table, "ours", row)
    ours = run(tmp_path / "ours", data, **{field: "ours"})
    assert json.loads((tmp_path / "ours" / "config.json").read_text())[field] == "ours"
    assert ours.history[-1]["train_total_loss"] != usual.history[-1]["train_total_loss"]
    assert json_schema()["properties"][field]["enum"] == list(table)
    assert field_reference(field)[0][1] == " · ".join(f"`{name}`" for name in table)


def read_lattice_constants(path: Path, keys: object) -> list[Record]:
    """A line per structure: element, lattice constant (Å), energy (eV)."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [
        Record(f"{path.name}:{index}", bulk(symbol, a=float(a), cubic=True), float(energy), None, None, "")
        for index, (symbol, a, energy) in enumerate(lines)
    ]


def write_lattice_constants(path: Path, records: list[Record]) -> None:
    lines = [f"{r.atoms.symbols[0]} {r.atoms.cell[0, 0]} {r.energy}" for r in records]
    path.write_text("\n".join(lines))


def test_a_data_format_of_ours_is_read_written_and_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = DataFormat(
        fits=lambda path: path.suffix == ".lattice",
        read=read_lattice_constants,
        write=write_lattice_constants,
        suffixes=(".lattice",),
        in_folders=("all.lattice",),
    )
    monkeypatch.setitem(FORMATS, "lattice", ours)
    (tmp_path / "all.lattice").write_text("\n".join(f"Cu {3.5 + 0.02 * k} {-14 + 0.1 * k**2}" for k in range(8)))
    records = read_records(tmp_path)
    assert [record.energy for record in records][:2] == [-14.0, -13.9]
    write_records(tmp_path / "again.lattice", records)
    again = read_records(tmp_path / "again.lattice")
    assert [record.energy for record in again] == [record.energy for record in records]
    model = {**SMALL["model"], "gradwise_weight": 0.0, "stresswise_weight": 0.0}
    result = run(tmp_path / "run", tmp_path, model=model)
    assert result.history[-1]["val_energy_MAE_meV_per_atom"] > 0


PRESSURE = Label(
    rows="structure",
    predicted=lambda outputs: None if outputs.stress is None else -outputs.stress.diagonal(dim1=1, dim2=2).mean(1),
    weight=lambda model: 1.0 if model.kind == "energy" else 0.0,
    weight_field="gradwise_weight",
    unit=lambda _n_atoms: GPA_PER_EV_PER_A3,
    is_derivative=True,
    title="pressure_GPa",
    axis="pressure (GPa)",
    curve="pressure MAE (GPa)",
    error="pressure_{}_GPa",
    error_unit="GPa",
    usual_names=("pressure",),
)
"""A number per structure that a force field predicts through its stress; eV/Å³ in the data."""

SPEED = Label(
    rows="atom",
    predicted=lambda outputs: None if outputs.forces is None else outputs.forces.square().sum(1).sqrt(),
    weight=lambda _model: 0.0,
    weight_field="gradwise_weight",
    is_derivative=True,
    title="force_norm_eV_per_A",
    axis="norm of the force (eV/Å)",
    curve="MAE of the norm (eV/Å)",
    error="norm_{}_eV_per_A",
    usual_names=("force_norm",),
)
"""A number per atom that is validated and reported, not learned."""


def labelled_frames() -> list[Atoms]:
    frames = copper_frames(8)
    for atoms in frames:
        atoms.info["pressure"] = -float(np.mean(atoms.get_stress()[:3]))
        atoms.arrays["force_norm"] = np.linalg.norm(atoms.get_forces(), axis=1)
        atoms.calc.results.pop("stress")
    return frames


@pytest.mark.parametrize("use_lmdb", [False, True], ids=["memory", "cache"])
def test_kinds_of_label_of_ours_are_learned_validated_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_lmdb: bool
) -> None:
    data = write_frames(tmp_path / "cu.extxyz", labelled_frames())
    model = {**SMALL["model"], "stresswise_weight": 0.0}
    changes = {"use_lmdb": use_lmdb, "model": model, "epochs": 12, "learning_rate": 0.02}
    without = run(tmp_path / "without", data, **changes)
    monkeypatch.setitem(LABELS, "pressure", PRESSURE)
    monkeypatch.setitem(LABELS, "norm", SPEED)
    ours = run(tmp_path / "ours", data, **changes)
    first, last = ours.history[0], ours.history[-1]
    assert last["train_pressure_loss"] < first["train_pressure_loss"]
    assert "val_norm_MAE_eV_per_A" in last
    assert "train_norm_loss" not in last
    assert last["train_total_loss"] != without.history[-1]["train_total_loss"]
    validated = ours.history[ours.best_epoch - 1]
    for column in ("pressure_MAE_GPa", "norm_MAE_eV_per_A"):
        assert ours.metrics["val"]["all"][column] == pytest.approx(validated[f"val_{column}"], rel=1e-3)
    row = json.loads((tmp_path / "ours" / "predictions.json").read_text())["val"][0]
    assert {"pressure_GPa", "force_norm_eV_per_A"} <= row.keys()
    figures = pytest.importorskip("alignn_ff.plots")
    assert {"pressure", "norm"} <= figures.parity_figures(ours.comparisons).keys()
    titles = [axes.get_ylabel() for axes in figures.learning_curve(ours.history).axes]
    assert PRESSURE.curve in titles


@pytest.mark.parametrize("suffix", [".extxyz", ".db", ".json"])
def test_labels_of_ours_survive_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setitem(LABELS, "pressure", PRESSURE)
    monkeypatch.setitem(LABELS, "norm", SPEED)
    records = read_records(write_frames(tmp_path / "cu.extxyz", labelled_frames()))
    write_records(tmp_path / f"again{suffix}", records)
    for record, again in zip(records, read_records(tmp_path / f"again{suffix}"), strict=True):
        assert again.further.keys() == record.further.keys() == {"pressure", "norm"}
        for kind, label in record.further.items():
            np.testing.assert_allclose(again.further[kind], label, rtol=1e-7)
            np.testing.assert_allclose(record.label(kind), label)


def test_a_frame_without_labels_of_ours_trains_beside_one_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LABELS, "pressure", PRESSURE)
    frames = labelled_frames()
    frames[0].info.pop("pressure")
    data = tmp_path / "mixed.extxyz"
    ase.io.write(data, frames)
    result = run(tmp_path / "run", data, model={**SMALL["model"], "stresswise_weight": 0.0})
    assert "train_pressure_loss" in result.history[-1]
