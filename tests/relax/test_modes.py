"""Laws of relaxing cells: constant strains of each mode, pressure, symmetry; and of stopping and resuming."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100, graphene, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms, FixScaled

from alignn_ff.errors import CheckpointError, ConfigError, StructureError
from alignn_ff.plots import convergence
from alignn_ff.relax import OPTIMIZERS, RelaxConfig, RelaxRecords, RelaxResult, RelaxStep, read_state, relax, resume
from alignn_ff.relax.optimizers import OptimizerName, lbfgs
from alignn_ff.relax.strain import CELL_MODES, CellModeName, StrainFilter, strain_space

EVERY_OPTIMIZER = sorted(OPTIMIZERS)


def distorted(repeats: tuple[int, int, int] = (2, 1, 1)) -> Atoms:
    """Copper, too large, sheared, with displaced atoms."""
    atoms = bulk("Cu", cubic=True, a=3.7) * repeats
    atoms.rattle(0.05, seed=3)
    atoms.set_cell(atoms.cell.array @ [[1, 0.04, 0], [0, 1.02, 0], [0.01, 0, 0.99]], scale_atoms=True)
    return atoms


def run(atoms: Atoms, **settings: object) -> RelaxResult:
    return relax(atoms, EMT(), config=RelaxConfig.model_validate({"fmax_eV_per_A": 1e-3, **settings}))


# what each mode of the cell does


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_hydrostatic_relaxation_keeps_the_shape(optimizer: str) -> None:
    start = distorted()
    result = run(start, relax_cell="hydrostatic", optimizer=optimizer)
    ratio = result.atoms.cell.array / start.cell.array.clip(1e-12)
    assert result.after.converged
    np.testing.assert_allclose(ratio[start.cell.array > 1e-9], ratio[0, 0], rtol=1e-7)
    assert result.after.stress_GPa is not None
    assert abs(sum(result.after.stress_GPa[:3])) < 0.1


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_fixed_volume_keeps_the_volume_and_leaves_only_pressure(optimizer: str) -> None:
    start = distorted()
    result = run(start, relax_cell="fixed-volume", optimizer=optimizer)
    assert result.after.converged
    assert result.volume_after_A3 == pytest.approx(start.get_volume(), rel=1e-8)
    stress = np.array(result.after.stress_GPa)
    assert np.abs(stress[3:]).max() < 0.05
    np.testing.assert_allclose(stress[:3], stress[:3].mean(), atol=0.05)


@pytest.mark.parametrize("mode", ["free", "hydrostatic"])
def test_the_cell_ends_at_the_pressure_it_was_given(mode: str) -> None:
    result = run(bulk("Cu", cubic=True), relax_cell=mode, pressure_GPa=5.0, fmax_eV_per_A=1e-5)
    assert result.after.stress_GPa is not None
    np.testing.assert_allclose(result.after.stress_GPa[:3], -5.0, atol=1e-3)
    assert result.after.enthalpy_eV < result.before.enthalpy_eV
    assert result.after.energy_eV > run(bulk("Cu", cubic=True), relax_cell=mode).after.energy_eV
    work = 5.0 / 160.21766208 * result.after.volume_A3
    assert result.after.enthalpy_eV == pytest.approx(result.after.energy_eV + work)


@pytest.mark.parametrize("mode", sorted(CELL_MODES.keys() - {"none"}))
def test_forces_on_the_cell_are_the_slope_of_the_enthalpy_in_every_allowed_strain(mode: CellModeName) -> None:
    atoms = fcc100("Cu", (1, 1, 3), a=3.7, vacuum=4.0, periodic=True) if mode == "slab" else distorted((1, 1, 1))
    atoms.rotate(30, (1, 2, 3), rotate_cell=True)
    atoms.calc = EMT()
    pressure = 3.0 if mode in ("free", "hydrostatic") else 0.0
    target = StrainFilter(atoms, strain_space(atoms, mode), pressure)
    target.set_positions(target.get_positions() + 0.02 * target.get_forces())  # away from the reference cell
    here, forces = target.get_positions(), target.get_forces()
    direction = forces.copy()
    direction[:-3] = 0.0
    steps = [1e-4, -1e-4]
    up, down = (_value(target, here + step * direction) for step in steps)
    assert -(up - down) / 2e-4 == pytest.approx(float((forces * direction).sum()), rel=1e-5)


def _value(target: StrainFilter, positions: np.ndarray) -> float:
    target.set_positions(positions)
    return float(target.get_potential_energy())


@pytest.mark.parametrize("periodic", [True, False])
def test_a_slab_keeps_its_vacuum_wherever_it_lies(periodic: bool) -> None:
    slab = fcc100("Cu", (1, 1, 4), a=3.7, vacuum=5.0, periodic=periodic)
    slab.rotate(40, (1, 1, 0), rotate_cell=True)
    result = run(slab, relax_cell="slab")
    assert result.after.converged
    normal = np.cross(slab.cell[0], slab.cell[1])
    normal /= np.linalg.norm(normal)
    np.testing.assert_allclose(result.atoms.cell @ normal, slab.cell @ normal, atol=1e-9)
    assert np.linalg.norm(result.atoms.cell[0]) < np.linalg.norm(slab.cell[0]) - 0.02


def test_a_cell_that_relaxes_across_a_vacuum_says_what_to_type(caplog: pytest.LogCaptureFixture) -> None:
    """In files such as POSCAR slabs, wires and molecules are periodic in all directions."""
    slab = fcc100("Cu", (1, 1, 4), a=3.7, vacuum=5.0, periodic=True)
    for mode, words in (("free", "--cell slab"), ("hydrostatic", "--cell slab"), ("slab", ""), ("none", "")):
        caplog.clear()
        run(slab, relax_cell=mode, max_steps=0)
        assert ("empty over more than 5 Å along c" in caplog.text) == bool(words)
        assert words in caplog.text
    wire = Atoms("Cu", cell=[9, 9, 2.5], pbc=True)
    run(wire, relax_cell="free", max_steps=0)
    assert 'write pbc="F F T"' in caplog.text
    with pytest.raises(StructureError, match=r"along a and b and c, as around a molecule.*Leave out --cell"):
        run(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]], cell=[9, 9, 9], pbc=True), relax_cell="free")


@pytest.mark.parametrize("mode", ["none", "free", "slab"])
def test_what_a_slab_reports_does_not_depend_on_the_vacuum(mode: str) -> None:
    reports = []
    for vacuum in (6.0, 11.0):
        slab = fcc100("Cu", (1, 1, 4), a=3.7, vacuum=vacuum)
        content = run(slab, relax_cell=mode, max_steps=4).to_json()
        assert content["stress_after_GPa"] is None
        assert content["volume_after_A3"] is None
        reports.append([content["area_after_A2"], *content["stress_after_N_per_m"], content["energy_after_eV"]])  # type: ignore[misc]
    np.testing.assert_allclose(reports[0], reports[1], atol=1e-6)


def test_a_wire_has_a_length_and_a_tension_and_a_molecule_has_neither() -> None:
    wire = Atoms("Cu2", [[5, 5, 0], [5, 5, 2.6]], cell=[10, 10, 5.2], pbc=(False, False, True))
    content = run(wire, relax_cell="free", fmax_eV_per_A=1e-4).to_json()
    assert content["converged"]
    assert abs(content["stress_after_nN"][2]) < 1e-3  # type: ignore[index]
    assert content["length_after_A"] == pytest.approx(2 * 2.26, abs=0.3)
    assert not any("stress_after" in key and "GPa" not in key for key in run(molecule("H2O"), max_steps=1).to_json())


def test_a_skewed_plane_needs_no_rotation() -> None:
    slab = Atoms("Cu", cell=[[2.6, 0, 0.3], [0, 2.6, 0], [-1, 0, 9]], pbc=(True, True, False))
    assert run(slab, relax_cell="free").after.converged


@pytest.mark.parametrize(
    "atoms, settings, words",
    [
        (bulk("Cu", cubic=True), {"relax_cell": "slab"}, "not a slab"),
        (molecule("H2O"), {"relax_cell": "slab"}, "not periodic"),
        (fcc100("Cu", (1, 1, 3), vacuum=5), {"relax_cell": "free", "pressure_GPa": 1}, "--pressure"),
        (fcc100("Cu", (1, 1, 3), vacuum=5), {"keep_symmetry": True}, "pbc"),
        (Atoms("Cu", cell=[3, 3, 3], pbc=True), {"optimizer": "precon_lbfgs"}, "several atoms"),
    ],
)
def test_what_makes_no_sense_for_a_structure_is_refused(atoms: Atoms, settings: dict[str, object], words: str) -> None:
    with pytest.raises((StructureError, ConfigError), match=words):
        run(atoms, **settings)


@pytest.mark.parametrize("mode", ["none", "fixed-volume", "slab"])
def test_a_pressure_without_a_volume_to_act_on_is_refused(mode: CellModeName) -> None:
    with pytest.raises(ConfigError, match="hydrostatic"):
        RelaxConfig(relax_cell=mode, pressure_GPa=1.0)


def test_a_graphene_sheet_in_a_periodic_box_is_a_slab() -> None:
    sheet = graphene(a=3.2, vacuum=6.0)
    sheet.pbc = True
    space = strain_space(sheet, "slab")
    assert space is not None
    assert space.held == ("zz", "yz", "xz")


# constraints and symmetry


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_fixed_atoms_keep_their_place_in_a_cell_that_relaxes(optimizer: str) -> None:
    atoms = distorted((2, 2, 1))
    atoms.set_constraint([FixAtoms([0, 1]), FixScaled([5], mask=(True, False, False))])
    result = run(atoms, relax_cell="free", optimizer=optimizer)
    before, after = atoms.get_scaled_positions(wrap=False), result.atoms.get_scaled_positions(wrap=False)
    assert result.after.converged
    np.testing.assert_allclose(after[:2], before[:2], atol=1e-12)
    assert after[5, 0] == pytest.approx(before[5, 0], abs=1e-12)
    assert abs(after[5, 1] - before[5, 1]) > 1e-4


def saddle() -> Atoms:
    """Copper on a simple cubic lattice, slightly off: without symmetry it becomes close-packed."""
    return bulk("Cu", "sc", a=2.4, cubic=True) * (2, 2, 1)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_symmetry_is_kept_where_the_structure_would_leave_it(optimizer: str) -> None:
    start = saddle()
    start.rattle(0.002, seed=5)
    result = run(start, relax_cell="free", keep_symmetry=True, symmetry_tolerance_A=0.03, optimizer=optimizer)
    assert result.space_group_before == result.space_group_after == "Pm-3m (221)"
    assert result.after.converged
    lengths = result.atoms.cell.lengths() * [1, 1, 2]
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-6)
    free = run(start, relax_cell="free", max_steps=40)
    assert free.after.energy_eV < result.after.energy_eV - 0.1


def test_symmetry_and_constraints_are_not_mixed() -> None:
    atoms = saddle()
    atoms.set_constraint(FixAtoms([0]))
    with pytest.raises(StructureError, match="FixAtoms"):
        run(atoms, keep_symmetry=True)


# downhill


def test_lbfgs_ends_at_the_bottom_where_plain_lbfgs_goes_uphill() -> None:
    for seed in range(6):
        cluster = Atoms("Ar7", np.random.default_rng(seed).uniform(0, 4.5, (7, 3)))
        if np.min(cluster.get_all_distances() + 9 * np.eye(7)) < 0.85:
            continue
        energies: list[float] = []
        config = RelaxConfig(fmax_eV_per_A=1e-3, max_steps=300)
        calculator = LennardJones(rc=20, smooth=False)
        result = relax(cluster, calculator, config=config, on_step=lambda step: energies.append(step.energy_eV))  # noqa: B023
        lowest = np.minimum.accumulate(energies)
        assert (np.array(energies) <= lowest + 1e-5).all(), seed
        assert result.after.energy_eV < result.before.energy_eV


def test_a_smooth_valley_costs_lbfgs_one_evaluation_a_step() -> None:
    class Counting(EMT):
        evaluations = 0

        def calculate(self, *arguments: object, **settings: object) -> None:
            Counting.evaluations += 1
            super().calculate(*arguments, **settings)

    atoms = bulk("Cu", cubic=True) * (2, 2, 1)
    atoms.rattle(0.02, seed=0)
    result = relax(atoms, Counting(), config=RelaxConfig())
    assert Counting.evaluations == result.after.step + 1
    assert type(lbfgs(atoms)).__mro__[1].__name__ == "LBFGS"


# stopping and resuming


@pytest.mark.parametrize("mode", ["none", "free"])
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_a_relaxation_resumes_to_the_same_bits(optimizer: OptimizerName, mode: CellModeName, tmp_path: Path) -> None:
    break_at = 5
    start = distorted()
    start.set_constraint(FixAtoms([2]))
    config = RelaxConfig(optimizer=optimizer, relax_cell=mode, fmax_eV_per_A=1e-6, max_steps=9)
    whole = relax(start, EMT(), config=config, records=RelaxRecords(tmp_path / "whole.extxyz"))
    records = RelaxRecords(tmp_path / "t.extxyz", tmp_path / "state.json", {"model": "x"})
    stop = _StopAfter(break_at)
    first = relax(start, EMT(), config=config, records=records, stop=stop, on_step=stop.see)
    state = read_state(tmp_path / "state.json")
    second = resume(state, EMT(), records=records, max_steps=9)
    assert (first.ended_by, first.after.step, state.run) == ("SIGINT", break_at, {"model": "x"})
    assert second.steps == whole.steps
    np.testing.assert_array_equal(second.atoms.positions, whole.atoms.positions)
    np.testing.assert_array_equal(second.atoms.cell.array, whole.atoms.cell.array)
    assert (tmp_path / "t.extxyz").read_text() == (tmp_path / "whole.extxyz").read_text()


@pytest.mark.parametrize("constrained", [False, True])
def test_coordinates_of_the_cell_filter_give_back_the_same_bits(constrained: bool) -> None:
    """Deforming back and forth rounds, differently on each processor."""
    for seed in range(20):
        atoms = distorted()
        atoms.calc = EMT()
        if constrained:
            atoms.set_constraint([FixAtoms([1, 2]), FixScaled([3], mask=(True, False, False))])
        target, rng = StrainFilter(atoms, strain_space(atoms, "free")), np.random.default_rng(seed)
        target.set_positions(target.get_positions() + 0.03 * rng.standard_normal((len(target), 3)))
        target.begin_step()
        positions, cell, read = atoms.positions.copy(), atoms.cell.array.copy(), target.get_positions()
        moved = read + 0.01 * rng.standard_normal(read.shape)
        target.set_positions(moved)
        there = atoms.positions.copy()
        target.set_positions(moved)
        np.testing.assert_array_equal(atoms.positions, there)
        target.set_positions(read)
        np.testing.assert_array_equal(atoms.positions, positions)
        np.testing.assert_array_equal(atoms.cell.array, cell)


class _StopAfter:
    def __init__(self, step: int) -> None:
        self.last, self.seen = step, 0

    def see(self, step: RelaxStep) -> None:
        self.seen = step.step

    def __call__(self) -> str | None:
        return "SIGINT" if self.seen >= self.last else None


def test_symmetry_survives_a_restart(tmp_path: Path) -> None:
    config = RelaxConfig(relax_cell="free", keep_symmetry=True, max_steps=3, fmax_eV_per_A=1e-4)
    relax(saddle(), EMT(), config=config, records=RelaxRecords(state=tmp_path / "s.json"))
    result = resume(
        read_state(tmp_path / "s.json"), EMT(), records=RelaxRecords(state=tmp_path / "s.json"), max_steps=99
    )
    assert result.after.converged
    assert result.space_group_after == "Pm-3m (221)"
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize("content", ["junk", "{}", '{"format": "other", "version": 1}', "[1]"])
def test_a_file_that_is_not_a_restart_file_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"s\.json"):
        read_state(tmp_path / "s.json")


def test_the_history_of_a_relaxation_is_json_and_a_figure() -> None:
    result = run(distorted(), relax_cell="free")
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert len(content["history"]["energy_eV"]) == result.after.step + 1
    top, bottom = convergence(result.steps, fmax_eV_per_A=1e-3).axes
    assert "eV/Å" in bottom.get_ylabel()
    assert len(top.lines[0].get_xdata()) == len(result.steps)
