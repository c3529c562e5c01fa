"""Laws of relaxation: lower energy, small forces, constraints that are kept, and correct reports of the result."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from alignn_ff.errors import ConfigError, SimulationError, StructureError
from alignn_ff.io import check_format, claim, read_structure
from alignn_ff.relax import OPTIMIZERS, RelaxConfig, RelaxStep, relax, relax_files, write_relaxation
from alignn_ff.relax.optimizers import OptimizerName
from alignn_ff.relax.relaxation import RelaxRecords
from alignn_ff.relax.strain import strain_space
from alignn_ff.trajectory import read_trajectory


@pytest.fixture
def copper() -> Atoms:
    atoms = bulk("Cu", cubic=True) * (2, 2, 1)
    atoms.rattle(0.1, seed=2)
    return atoms


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_relaxation_ends_downhill_at_small_forces(optimizer: OptimizerName, copper: Atoms) -> None:
    result = relax(copper, EMT(), config=RelaxConfig(optimizer=optimizer, fmax_eV_per_A=0.002))
    ideal = bulk("Cu", cubic=True) * (2, 2, 1)
    ideal.calc = EMT()
    assert result.after.converged
    assert result.after.max_force_eV_per_A < 0.002 < result.before.max_force_eV_per_A
    assert result.after.energy_eV == pytest.approx(ideal.get_potential_energy(), abs=1e-4)
    assert result.atoms.get_potential_energy() == result.after.energy_eV


def test_the_start_is_not_changed(copper: Atoms) -> None:
    before = copper.copy()
    relax(copper, EMT(), config=RelaxConfig(max_steps=3, relax_cell=True))
    assert copper == before


def test_fixed_atoms_stay_and_their_forces_do_not_count(copper: Atoms) -> None:
    copper.set_constraint(FixAtoms([0, 3]))
    result = relax(copper, EMT(), config=RelaxConfig())
    np.testing.assert_array_equal(result.atoms.positions[[0, 3]], copper.positions[[0, 3]])
    assert result.after.converged
    assert np.linalg.norm(result.atoms.get_forces(apply_constraint=False), axis=1).max() > 0.01


def test_too_few_steps_are_not_called_converged(copper: Atoms) -> None:
    result = relax(copper, EMT(), config=RelaxConfig(max_steps=2))
    assert not result.after.converged
    assert result.after.step == 2
    assert result.to_json()["converged"] is False


def test_no_steps_leave_the_structure_as_it_is(copper: Atoms) -> None:
    result = relax(copper, EMT(), config=RelaxConfig(max_steps=0))
    np.testing.assert_array_equal(result.atoms.positions, copper.positions)
    assert result.after == result.before


def test_observer_and_trajectory_see_every_step(copper: Atoms, tmp_path: Path) -> None:
    seen: list[RelaxStep] = []
    result = relax(
        copper, EMT(), config=RelaxConfig(), records=RelaxRecords(tmp_path / "t.extxyz"), on_step=seen.append
    )
    frames = read_trajectory(tmp_path / "t.extxyz")
    assert [step.step for step in seen] == list(range(result.after.step + 1))
    assert [frame.info["step"] for frame in frames] == [step.step for step in seen]
    assert frames[-1].get_potential_energy() == pytest.approx(result.after.energy_eV, abs=1e-9)


# the cell


def left_handed(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.array[[1, 0, 2]], pbc=True)


@pytest.mark.parametrize("hand", ["right", "left"])
@pytest.mark.parametrize("strain", [-0.04, 0.05])
def test_a_strained_crystal_finds_its_lattice_constant(strain: float, hand: str) -> None:
    crystal = bulk("Cu", cubic=True, a=3.59 * (1 + strain))
    shear = np.array([[1, 0.03, 0], [0, 1, -0.02], [0, 0, 1]])
    crystal.set_cell(crystal.cell.array @ shear, scale_atoms=True)
    start = crystal if hand == "right" else left_handed(crystal)
    result = relax(start, EMT(), config=RelaxConfig(relax_cell=True, fmax_eV_per_A=1e-4))
    assert result.after.converged
    assert result.after.stress_GPa is not None
    assert np.abs(result.after.stress_GPa).max() < 0.01
    assert result.volume_after_A3 == pytest.approx(3.5898**3, rel=2e-3)
    assert result.held_strains == ()
    assert np.sign(np.linalg.det(result.atoms.cell.array)) == (1 if hand == "right" else -1)


def test_a_slab_relaxes_in_its_plane_only() -> None:
    slab = fcc100("Cu", (1, 1, 4), a=3.7, vacuum=5.0)
    result = relax(slab, EMT(), config=RelaxConfig(relax_cell=True))
    assert result.after.converged
    assert result.held_strains == ("zz", "yz", "xz")
    np.testing.assert_allclose(result.atoms.cell[2], slab.cell[2], atol=1e-12)
    np.testing.assert_allclose(result.atoms.cell[:, 2], slab.cell[:, 2], atol=1e-12)
    assert result.atoms.cell[0, 0] < slab.cell[0, 0] - 0.02


@pytest.mark.parametrize(
    "pbc, held",
    [
        ((True, True, True), ()),
        ((True, True, False), ("zz", "yz", "xz")),
        ((False, True, False), ("xx", "zz", "yz", "xz", "xy")),
    ],
)
def test_strains_out_of_the_periodic_directions_are_held(pbc: tuple[bool, ...], held: tuple[str, ...]) -> None:
    atoms = Atoms("Cu", cell=[[3, 1, 0], [0, 4, 0], [0, 0, 5]], pbc=pbc)
    space = strain_space(atoms, "free")
    assert space is not None
    assert space.held == held


@pytest.mark.parametrize(
    "atoms, words",
    [
        (molecule("H2O"), "not periodic"),
        (Atoms("Cu", cell=[3, 3, 0], pbc=(True, True, False)), "no volume.*vacuum"),
    ],
)
def test_a_cell_that_cannot_relax_is_refused(atoms: Atoms, words: str) -> None:
    with pytest.raises(StructureError, match=words):
        relax(atoms, EMT(), config=RelaxConfig(relax_cell=True))


# what is refused


class Suction(Calculator):
    """An energy that falls with the volume, as that of a model with a hole at short distances."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        """No forces, and a constant tension."""
        super().calculate(atoms, properties, changes)
        assert atoms is not None
        stress = np.array([0.1, 0.1, 0.1, 0.0, 0.0, 0.0])
        energy = 0.1 * atoms.get_volume()
        forces = np.zeros((len(atoms), 3))
        self.results = {"energy": energy, "free_energy": energy, "forces": forces, "stress": stress}


def test_a_cell_that_collapses_ends_in_words_within_a_few_steps() -> None:
    config = RelaxConfig(relax_cell="free", max_steps=10_000)
    result = relax(bulk("Si", "fcc", a=3.9), Suction(), config=config)
    assert result.stopped
    assert not result.after.converged
    assert result.after.step < 50
    assert result.ended_by is not None
    assert "the cell collapses" in result.ended_by
    assert result.atoms.get_volume() > 0.25 * bulk("Si", "fcc", a=3.9).get_volume()


def test_forces_that_are_not_numbers_stop_the_relaxation(copper: Atoms) -> None:
    class Broken(EMT):
        def calculate(self, *arguments: object, **settings: object) -> None:
            super().calculate(*arguments, **settings)
            self.results["forces"][0] = np.nan

    with pytest.raises(SimulationError, match="step 0"):
        relax(copper, Broken(), config=RelaxConfig())


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"max_steps": -1}, "max_steps is -1"),
        ({"fmax_eV_per_A": 0}, "fmax_eV_per_A is 0.*eV/Å"),
        ({"optimizer": "bfgs"}, "optimizer is 'bfgs'.*'lbfgs', 'fire'"),
    ],
)
def test_a_config_that_is_not_allowed_is_refused_with_the_reason(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RelaxConfig.model_validate(settings)


# files


@pytest.mark.parametrize(
    "source, pbc, expected",
    [
        ("POSCAR", True, "POSCAR-relaxed.vasp"),
        ("a/b.cif", True, "b-relaxed.cif"),
        ("vasprun.xml", True, "vasprun-relaxed.vasp"),
        ("mol.json", False, "mol-relaxed.extxyz"),
    ],
)
def test_the_result_is_named_after_its_source(source: str, pbc: bool, expected: str) -> None:
    files = relax_files(Path(source), Atoms("Cu", cell=[3, 3, 3], pbc=pbc))
    assert files.structure == Path(expected)
    assert files.result == Path(expected).with_suffix(".json")


@pytest.mark.parametrize("suffix", [".vasp", ".cif", ".extxyz", ".traj"])
def test_structure_and_result_are_written(suffix: str, copper: Atoms, tmp_path: Path) -> None:
    result = relax(copper, EMT(), config=RelaxConfig())
    files = relax_files(Path("x"), copper, output=tmp_path / f"relaxed{suffix}")
    write_relaxation(files, result)
    read = read_structure(files.structure)
    np.testing.assert_allclose(
        read.get_scaled_positions(wrap=True), result.atoms.get_scaled_positions(wrap=True), atol=1e-6
    )
    written = json.loads(files.result.read_text())
    assert written["energy_after_eV"] == result.after.energy_eV
    assert written["n_steps"] == result.after.step
    assert RelaxConfig.model_validate(written["config"]) == result.config


def test_nothing_is_overwritten_unless_allowed(tmp_path: Path) -> None:
    there = tmp_path / "there.vasp"
    there.write_text("precious")
    with pytest.raises(ConfigError, match=r"there\.vasp exists already"):
        claim([there], source=Path("x"), overwrite=False)
    claim([there], source=Path("x"), overwrite=True)
    with pytest.raises(ConfigError, match="replace the input"):
        claim([there], source=there, overwrite=True)
    with pytest.raises(ConfigError, match="is a folder"):
        claim([tmp_path], source=Path("x"), overwrite=True)
    assert there.read_text() == "precious"


def test_structure_and_result_must_be_two_files(copper: Atoms) -> None:
    with pytest.raises(ConfigError, match="different files"):
        relax_files(Path("x"), copper, output=Path("out.json"))


@pytest.mark.parametrize("name", ["out.nonsense", "out", "out.vasp"])
def test_a_format_that_cannot_hold_the_structure_is_refused_before_the_work(name: str) -> None:
    with pytest.raises(StructureError, match=f"as {name} "):
        check_format(Path(name), molecule("H2O"))
