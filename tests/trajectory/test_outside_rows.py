"""A format or a quantity from outside the package is one row: written, read, analysed and truncated like any other."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.analysis import AnalysisConfig, analyze
from alignn_ff.errors import ConfigError, OutputError
from alignn_ff.md import MDConfig, MDFiles, Snapshot, md_files, resume_md, run_md
from alignn_ff.trajectory import FORMATS, QUANTITIES, Format, Quantity, iterate_trajectory, read_trajectory
from tests.support.pair_crystal import Morse, morse_crystal


class JsonLines:
    """A frame per line."""

    def __init__(self, path: Path, quantities: Sequence[str], *, keep: int | None = None) -> None:
        lines = path.read_text().splitlines(keepends=True)[:keep] if keep else []
        path.write_text("".join(lines))
        self._file, self._n = path.open("a"), len(lines)

    def write(self, snapshot: Snapshot) -> None:
        atoms = snapshot.atoms
        frame = {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array}
        content = {name: value.tolist() for name, value in frame.items()}
        energy = float(snapshot.potential_eV)
        print(json.dumps({**content, "time_fs": snapshot.time_fs, "energy": energy}), file=self._file)
        self._n += 1

    def sync(self) -> int:
        self._file.flush()
        return self._n

    def close(self) -> None:
        self._file.close()


def read_json_lines(path: Path) -> Iterator[Atoms]:
    for line in path.read_text().splitlines():
        frame = json.loads(line)
        atoms = Atoms(frame["numbers"], frame["positions"], cell=frame["cell"], pbc=True)
        atoms.info["time_fs"] = frame["time_fs"]
        atoms.calc = SinglePointCalculator(atoms, energy=frame["energy"])
        yield atoms


@pytest.fixture
def toy_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MDFiles:
    row = Format(".toy", JsonLines, read_json_lines, counts_bytes=False, help="a frame per line, as JSON")
    monkeypatch.setitem(FORMATS, "toy", row)
    return md_files(Path("x"), prefix=tmp_path / "run", formats=("toy",))


def config(**settings: object) -> MDConfig:
    return MDConfig.model_validate({"steps": 12, "write_every": 2, "formats": ["toy"], **settings})


def test_a_format_from_outside_is_written_read_and_analysed(toy_files: MDFiles) -> None:
    run_md(morse_crystal(2), Morse(), config=config(), files=toy_files)
    assert toy_files.trajectory.suffix == ".toy"
    frames = read_trajectory(toy_files.trajectory)
    assert [frame.info["time_fs"] for frame in frames] == [2.0 * number for number in range(7)]
    analysis = analyze(toy_files.trajectory, config=AnalysisConfig(observables=("thermo", "rdf")))
    np.testing.assert_allclose(
        analysis.results["thermo"].tables["thermo"]["potential_eV"], [f.get_potential_energy() for f in frames]
    )


def test_a_format_from_outside_is_cut_back_at_a_restart(toy_files: MDFiles) -> None:
    def fail(snapshot: Snapshot) -> None:
        if snapshot.step == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_md(morse_crystal(2), Morse(), config=config(checkpoint_every=6), files=toy_files, on_step=fail)
    with toy_files.trajectory.open("a") as file:
        file.write(toy_files.trajectory.read_text().splitlines()[-1] + "\n")
    resume_md(toy_files.restart, calculator=Morse())
    assert [frame.info["time_fs"] for frame in iterate_trajectory(toy_files.trajectory)] == list(range(0, 13, 2))
    toy_files.trajectory.unlink()
    with pytest.raises(OutputError, match=r"run\.toy .*frames of it"):
        resume_md(toy_files.restart, calculator=Morse(), steps=14)


def test_names_in_configs_errors_and_schema_follow_from_the_table(toy_files: MDFiles) -> None:
    properties = MDConfig.model_json_schema()["properties"]
    assert properties["formats"]["items"]["enum"] == [*FORMATS] == ["extxyz", "traj", "h5md", "toy"]
    assert properties["quantities"]["items"]["enum"] == [*QUANTITIES]
    with pytest.raises(ConfigError, match=r"formats\.0 is 'dcd'.*'extxyz', 'traj', 'h5md' or 'toy'"):
        config(formats=["dcd"])


class Charged(Morse):
    """Morse with a dipole and charges."""

    implemented_properties = [*Morse.implemented_properties, "charges", "dipole"]  # noqa: RUF012 - ASE's convention

    def calculate(self, atoms: Atoms, *arguments: object) -> None:
        super().calculate(atoms, *arguments)
        self.results["charges"] = atoms.positions[:, 0].copy()
        self.results["dipole"] = atoms.positions.sum(axis=0)


@pytest.mark.parametrize("name", ["extxyz", "traj", "h5md"])
def test_a_quantity_from_outside_is_in_the_frames_of_every_format(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    charges = Quantity("charges, e", "particles/all/charge", "e", per_atom=True, shape=(), result="charges")
    dipole = Quantity("dipole, e·Å", "observables/dipole", "e Angstrom", per_atom=False, shape=(3,), result="dipole")
    monkeypatch.setitem(QUANTITIES, "charges", charges)
    monkeypatch.setitem(QUANTITIES, "dipole", dipole)
    files = md_files(Path("x"), prefix=tmp_path / "run", formats=(name,))
    run = config(formats=[name], quantities=["charges", "dipole"], steps=4, checkpoint_every=2)
    run_md(morse_crystal(2), Charged(), config=run, files=files)
    resume_md(files.restart, calculator=Charged(), steps=8)
    frames = read_trajectory(files.trajectory)
    assert len(frames) == 5
    for frame in frames:
        np.testing.assert_allclose(frame.calc.results["charges"], frame.positions[:, 0], atol=1e-7)
        np.testing.assert_allclose(frame.calc.results["dipole"], frame.positions.sum(axis=0), atol=1e-6)
        assert not frame.has("momenta")
