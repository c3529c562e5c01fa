"""An observable from outside the package is one row: computed, written, drawn, printed, and named in the help."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from alignn_ff.analysis import (
    OBSERVABLES,
    AnalysisConfig,
    Context,
    Frame,
    Observable,
    ObservableResult,
    against,
    analysis_files,
    analyze,
    regular_times,
    several_atoms,
    write_analysis,
)
from alignn_ff.errors import ConfigError
from alignn_ff.plots import observable_figures
from tests.support.command_line import CommandLine
from tests.support.trajectories import trajectory


class Height:
    """Mean z of all atoms, over time."""

    def __init__(self, context: Context) -> None:
        self._time, self._heights = context.frame_time_fs, list[float]()

    def add(self, frame: Frame) -> None:
        self._heights.append(float(frame.positions[:, 2].mean()))

    def result(self) -> ObservableResult:
        heights = np.array(self._heights)
        times = self._time * np.arange(len(heights), dtype=float)
        structure = Atoms("H", [[0, 0, heights.mean()]])
        table = {"time_fs": times, "height_A": heights}
        return ObservableResult({"mean_A": float(heights.mean())}, {"height": table}, structure)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Observable(
        "mean height of the atoms",
        Height,
        needs=(regular_times, several_atoms),
        tables={"height": against("time_fs", x_label="time (fs)", y_label="height (Å)")},
        rows=lambda summary: [("height", f"{summary['mean_A']:.2f} Å")],
        gives_structure=True,
    )
    monkeypatch.setitem(OBSERVABLES, "toy", row)


@pytest.mark.usefixtures("toy")
def test_a_row_from_outside_is_computed_written_and_drawn(tmp_path: Path) -> None:
    path = trajectory(tmp_path)
    analysis = analyze(path)
    assert list(analysis.results) == list(OBSERVABLES)
    files = analysis_files(path, analysis.config.observables, prefix=tmp_path / "a")
    assert set(write_analysis(files, analysis)) == {*files.all} - {*files.figures.values()}
    mean = analysis.results["toy"].summary["mean_A"]
    assert json.loads((tmp_path / "a.json").read_text())["toy"]["mean_A"] == mean
    rows = list(csv.reader((tmp_path / "a-height.csv").read_text().splitlines()))
    assert rows[0] == ["time_fs", "height_A"]
    assert np.mean([float(height) for _, height in rows[1:]]) == pytest.approx(mean)
    assert (tmp_path / "a-toy.extxyz").exists()
    (axes,) = observable_figures(analysis)["height"].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (fs)", "height (Å)")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [float(height) for _, height in rows[1:]])


@pytest.mark.usefixtures("toy")
def test_names_needs_and_schema_follow_from_the_row(tmp_path: Path) -> None:
    assert AnalysisConfig().observables == tuple(OBSERVABLES)
    assert AnalysisConfig.model_json_schema()["properties"]["observables"]["items"]["enum"] == list(OBSERVABLES)
    with pytest.raises(ConfigError, match=r"observables\.0 is 'color'.*'mean' or 'toy'"):
        AnalysisConfig.model_validate({"observables": ["color"]})
    with pytest.raises(ConfigError, match="no toy: 5 frames are too few"):
        analyze(trajectory(tmp_path), config=AnalysisConfig(observables=("toy",), every=8))


@pytest.mark.usefixtures("toy")
def test_a_row_without_declared_results_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OBSERVABLES, "toy", Observable("mean height", Height, needs=(regular_times,)))
    with pytest.raises(TypeError, match="'toy' gives height, a structure"):
        analyze(trajectory(tmp_path), config=AnalysisConfig(observables=("toy",)))


@pytest.mark.usefixtures("toy")
def test_the_command_line_takes_prints_and_explains_the_row(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command_line("analyze", trajectory(tmp_path), "--only", "toy,rdf")
    assert result.code == 0, result.stderr
    assert "height" in result.stdout
    assert Path("t-analysis-height.png").exists()
    shown = " ".join(command_line("analyze", "--help").stdout.replace("│", " ").split())
    assert "toy (mean height of the atoms" in shown


def test_a_name_without_a_row_is_refused_again_once_the_row_is_gone() -> None:
    with pytest.raises(ConfigError, match="'toy'"):
        AnalysisConfig.model_validate({"observables": ["toy"]})


def test_the_table_of_the_docs_has_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in OBSERVABLES)
