"""Laws of the ensembles: conserved quantity, temperature and pressure, and refused structures."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import fcc111, molecule
from ase.constraints import FixAtoms, FixScaled

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.kinetics import angular_velocity, freedom, temperature
from alignn_ff.md import ENSEMBLES, MDConfig, MDResult, Snapshot, Stage, run_md
from alignn_ff.md.ensembles.stage import along
from alignn_ff.md.ensembles.table import special_settings
from alignn_ff.md.run.start import draw_velocities
from tests.support.pair_crystal import Morse, morse_cluster, morse_crystal

EVERY_ENSEMBLE = sorted(ENSEMBLES)
CONSERVING = sorted(name for name, ensemble in ENSEMBLES.items() if ensemble.is_conserved)
WITH_THERMOSTAT = sorted(name for name, ensemble in ENSEMBLES.items() if ensemble.thermostat)
EVERY_MOTION = [
    (name, motion) for name, ensemble in sorted(ENSEMBLES.items()) for motion in ensemble.motions
]  # of the cell, for the ensembles that move it


def record(atoms: Atoms, **settings: object) -> tuple[MDResult, list[Snapshot]]:
    snapshots: list[Snapshot] = []

    def keep(snapshot: Snapshot) -> None:
        snapshots.append(snapshot._replace(atoms=snapshot.atoms.copy()))

    return run_md(atoms, Morse(), config=MDConfig.model_validate(settings), on_step=keep), snapshots


def conserved(snapshots: list[Snapshot]) -> np.ndarray:
    return np.array([snapshot.conserved_eV for snapshot in snapshots])


@pytest.mark.parametrize("ensemble", EVERY_ENSEMBLE)
def test_a_step_costs_one_evaluation(ensemble: str) -> None:
    calculator = Morse()
    config = MDConfig.model_validate({"steps": 6, "ensemble": ensemble})
    result = run_md(morse_crystal(2), calculator, config=config)
    per_step = 2 if ensemble == "npt_berendsen" else 1  # ASE moves the cell, then the atoms
    assert calculator.n_evaluations == 1 + 6 * per_step
    assert result.last_stage.n_steps == 6


@pytest.mark.parametrize("ensemble", CONSERVING)
def test_what_is_called_conserved_is_conserved(ensemble: str) -> None:
    _, snapshots = record(morse_crystal(2), steps=200, timestep_fs=4.0, ensemble=ensemble, temperature_K=500)
    kinetic = np.ptp([snapshot.kinetic_eV for snapshot in snapshots])
    assert np.ptp(conserved(snapshots)) < 0.02 * kinetic


@pytest.mark.parametrize("ensemble, motion", [pair for pair in EVERY_MOTION if pair[0] in CONSERVING])
def test_it_is_conserved_under_pressure_however_the_cell_moves(ensemble: str, motion: str) -> None:
    _, snapshots = record(
        morse_crystal(2),
        steps=200,
        timestep_fs=4.0,
        ensemble=ensemble,
        cell_motion=motion,
        pressure_GPa=3.0,
        barostat_time_fs=300.0,
    )
    work = 3.0 / 160.2 * np.ptp([snapshot.volume_A3 for snapshot in snapshots])
    assert work > 0.05
    assert np.ptp(conserved(snapshots)) < 0.1 * work


@pytest.mark.parametrize("ensemble", [name for name in CONSERVING if ENSEMBLES[name].thermostat])
def test_ramps_do_no_work_on_what_is_conserved(ensemble: str) -> None:
    ramps: dict[str, object] = {"temperature_K": (300, 900, 300)}
    if "pressure_GPa" in ENSEMBLES[ensemble].reads:
        ramps["pressure_GPa"] = (0.0, 4.0)
    _, snapshots = record(morse_crystal(2), steps=200, timestep_fs=4.0, ensemble=ensemble, **ramps)
    assert np.ptp([snapshot.total_eV for snapshot in snapshots]) > 0.4
    assert np.ptp(conserved(snapshots)) < 0.05


@pytest.mark.parametrize("ensemble", ["nve", "nvt_nose_hoover", "npt_mtk", "nph"])
def test_its_error_is_of_second_order_in_the_time_step(ensemble: str) -> None:
    def error(timestep_fs: float) -> float:
        settings = {"timestep_fs": timestep_fs, "ensemble": ensemble, "temperature_K": 600}
        _, snapshots = record(morse_crystal(2), steps=int(600 / timestep_fs), **settings)
        return float(np.std(conserved(snapshots)[1:]))

    assert 3.0 < error(8.0) / error(4.0) < 5.2


@pytest.mark.parametrize("ensemble", [name for name in WITH_THERMOSTAT if not ENSEMBLES[name].motions])
def test_thermostats_count_the_motions_that_there_are(ensemble: str) -> None:
    """Four atoms in a vacuum: 6, 9 or 12 of 12 degrees of freedom share the energy."""
    tetrahedron = Atoms("Cu4", [[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2]])
    result, snapshots = record(
        tetrahedron, steps=1500, timestep_fs=6.0, ensemble=ensemble, temperature_K=60, thermostat_time_fs=30.0
    )
    kinetic = np.mean([snapshot.kinetic_eV for snapshot in snapshots[100:]])
    n_dof = ENSEMBLES[ensemble].freedom(tetrahedron).n_dof  # type: ignore[index]
    assert n_dof == {"nvt_langevin": 12, "nvt_andersen": 9}.get(ensemble, 6)
    assert 2 * kinetic / (n_dof * units.kB) == pytest.approx(60.0, rel=0.2)
    assert result.mean_temperature_K == pytest.approx(60.0, rel=0.2)


@pytest.mark.parametrize("ensemble, motion", EVERY_MOTION)
def test_barostats_reach_their_pressure(ensemble: str, motion: str) -> None:
    settings = {"cell_motion": motion} if motion != "isotropic" else {}
    _, snapshots = record(
        morse_crystal(2),
        steps=400,
        timestep_fs=6.0,
        ensemble=ensemble,
        temperature_K=200,
        pressure_GPa=4.0,
        barostat_time_fs=300.0,
        **settings,
    )
    pressures = [snapshot.pressure_GPa for snapshot in snapshots]
    assert pressures[0] < 2.0
    assert np.mean(pressures[150:]) == pytest.approx(4.0, abs=0.8)


def test_the_masked_barostat_moves_only_its_axes() -> None:
    _, snapshots = record(
        morse_crystal(2), steps=40, timestep_fs=4.0, ensemble="npt_mtk", cell_motion="axes", cell_axes="ac",
        pressure_GPa=5.0,
    )  # fmt: skip
    change = snapshots[-1].atoms.cell.array - snapshots[0].atoms.cell.array
    assert (np.abs(np.diag(change))[[0, 2]] > 1e-3).all()
    change[0, 0] = change[2, 2] = 0.0
    np.testing.assert_allclose(change, 0.0, atol=1e-12)


def test_a_moving_cell_stays_what_its_motion_allows() -> None:
    settings = {"steps": 30, "timestep_fs": 4.0, "ensemble": "npt_langevin", "pressure_GPa": 5.0}
    _, isotropic = record(morse_crystal(2), **settings)
    shape = isotropic[-1].atoms.cell.array / isotropic[-1].atoms.cell.array[0, 0]
    np.testing.assert_allclose(shape, np.eye(3), atol=1e-12)
    _, full = record(morse_crystal(2), **settings, cell_motion="full")
    assert np.abs(full[-1].atoms.cell.array - np.diag(np.diag(full[-1].atoms.cell.array))).max() > 1e-5


# start


def test_molecules_start_without_rotation_and_wires_without_turning() -> None:
    rng = np.random.default_rng(4)
    for atoms, n_axes in ((molecule("C6H6"), 3), (molecule("CO2"), 2), (_wire(), 1)):
        draw_velocities(atoms, 300.0, rng)
        np.testing.assert_allclose(angular_velocity(atoms), 0.0, atol=1e-12)
        np.testing.assert_allclose(atoms.get_momenta().sum(axis=0), 0.0, atol=1e-10)
        counted = freedom(atoms, conserves_momentum=True, conserves_rotation=True)
        assert counted.n_dof == 3 * len(atoms) - 3 - n_axes


def test_a_rotating_molecule_is_not_hot() -> None:
    water = molecule("H2O")
    water.set_velocities(np.cross([0.01, 0.02, 0.03], water.positions - water.get_center_of_mass()))
    counted = freedom(water, conserves_momentum=True, conserves_rotation=True)
    assert temperature(water, counted) == pytest.approx(0.0, abs=1e-6)


def test_velocities_can_have_exactly_the_temperature() -> None:
    for atoms in (morse_crystal(2), morse_cluster()):
        _, snapshots = record(atoms, steps=0, temperature_K=321.0, exact_temperature=True)
        assert snapshots[0].temperature_K == pytest.approx(321.0, rel=1e-12)


def test_a_drift_in_the_file_is_removed_before_a_global_thermostat_acts() -> None:
    atoms = morse_crystal(2)
    draw_velocities(atoms, 300.0, np.random.default_rng(0))
    atoms.set_velocities(atoms.get_velocities() + 0.1)
    _, thermostatted = record(atoms, steps=3, ensemble="nvt_bussi", keep_velocities=True)
    np.testing.assert_allclose(thermostatted[-1].atoms.get_momenta().sum(axis=0), 0.0, atol=1e-9)
    _, free = record(atoms, steps=3, keep_velocities=True)
    assert np.abs(free[-1].atoms.get_momenta().sum(axis=0)).min() > 1.0


# structures of every kind


def _wire() -> Atoms:
    atoms = morse_crystal(2)
    return Atoms(atoms.numbers, atoms.positions, cell=[0, 0, atoms.cell[2, 2]], pbc=(False, False, True))


def _slab() -> Atoms:
    slab = fcc111("Cu", (4, 4, 3), a=4.19, orthogonal=True)
    slab.center(vacuum=8.0, axis=2)
    slab.pbc = (True, True, False)
    return slab


@pytest.mark.parametrize("atoms", [_slab(), _wire(), morse_cluster()], ids=["slab", "wire", "molecule"])
@pytest.mark.parametrize("ensemble", [name for name in EVERY_ENSEMBLE if not ENSEMBLES[name].motions])
def test_slabs_wires_and_molecules_run_at_constant_volume(atoms: Atoms, ensemble: str) -> None:
    result, snapshots = record(atoms, steps=20, timestep_fs=2.0, ensemble=ensemble, temperature_K=200)
    assert 50 < result.final_temperature_K < 400
    if ENSEMBLES[ensemble].is_conserved:  # type: ignore[index]
        assert np.ptp(conserved(snapshots)) < 0.02


def test_a_slab_breathes_in_its_plane_under_the_masked_barostat() -> None:
    _, snapshots = record(_slab(), steps=30, timestep_fs=4.0, ensemble="npt_mtk", cell_motion="axes")
    before, after = (snapshot.atoms.cell.lengths() for snapshot in (snapshots[0], snapshots[-1]))
    assert (np.abs(after - before)[:2] > 1e-4).all()
    assert after[2] == before[2]


def test_selective_dynamics_hold_coordinates() -> None:
    atoms = morse_crystal(2)
    atoms.set_constraint([FixAtoms([0]), FixScaled([1, 2], (True, False, False))])
    for ensemble in ("nve", "nvt_langevin", "nvt_bussi", "nvt_nose_hoover", "nvt_andersen", "nvt_berendsen"):
        result, _ = record(atoms, steps=10, timestep_fs=4.0, ensemble=ensemble)
        moved = np.abs(result.atoms.positions - atoms.positions)
        assert moved[0].max() == 0.0
        np.testing.assert_allclose(moved[1:3, 0], 0.0, atol=1e-12)
        assert moved[1:3, 1:].min() > 1e-4


# schedules


def test_points_are_corners_of_straight_lines() -> None:
    assert [along((300.0, 2000.0, 300.0), step, 4) for step in range(5)] == [300, 1150, 2000, 1150, 300]
    assert along(7.0, 3, 9) == along((7.0,), 3, 9) == 7.0


def test_stages_follow_each_other_and_inherit_what_they_do_not_say() -> None:
    stages = [
        {"name": "melt", "steps": 20, "ensemble": "nvt_berendsen", "temperature_K": [300, 900]},
        {"name": "hold", "steps": 10, "timestep_fs": 4.0, "temperature_K": 900},
        {"name": "squeeze", "steps": 15, "ensemble": "npt_mtk", "temperature_K": 900, "pressure_GPa": [0, 2]},
    ]
    result, snapshots = record(morse_crystal(2), timestep_fs=2.0, ensemble="nvt_bussi", stages=stages)
    assert [snapshot.step for snapshot in snapshots] == list(range(46))
    assert [stage.n_steps for stage in result.stages] == [20, 10, 15]
    assert [stage.ensemble for stage in result.stages] == ["nvt_berendsen", "nvt_bussi", "npt_mtk"]
    assert snapshots[-1].time_fs == pytest.approx(20 * 2.0 + 10 * 4.0 + 15 * 2.0)
    targets = [snapshot.target_temperature_K for snapshot in snapshots]
    assert targets[0] == 300
    assert targets[20:] == [900.0] * 26
    assert targets[10] == 600
    assert snapshots[-1].target_pressure_GPa == 2.0
    assert snapshots[20].target_pressure_GPa is None
    assert np.abs(np.diff(conserved(snapshots)[20:])).max() < 0.02  # it goes on across the change of ensemble


def test_a_pressure_for_the_run_goes_to_the_stages_with_a_barostat() -> None:
    config = MDConfig.model_validate(
        {"pressure_GPa": 1.0, "stages": [{"steps": 1, "ensemble": "nve"}, {"steps": 1, "ensemble": "npt_mtk"}]}
    )
    assert [stage.pressure_GPa for stage in config.schedule] == [0.0, 1.0]


def test_a_thermostat_follows_its_ramp() -> None:
    result, snapshots = record(
        morse_crystal(2), steps=600, timestep_fs=4.0, ensemble="nvt_langevin", temperature_K=(100, 800),
        thermostat_time_fs=40.0,
    )  # fmt: skip
    late = [snapshot.temperature_K for snapshot in snapshots[-60:]]
    early = [snapshot.temperature_K for snapshot in snapshots[60:120]]
    assert np.mean(late) == pytest.approx(765, rel=0.2)
    assert np.mean(early) == pytest.approx(205, rel=0.35)
    assert result.conserved_quantity.endswith("heat taken from the thermostat")


# refusals


def _held() -> Atoms:
    atoms = morse_crystal(2)
    atoms.set_constraint(FixAtoms([0]))
    return atoms


def _skewed() -> Atoms:
    atoms = fcc111("Cu", (2, 2, 3), a=4.19)
    atoms.center(vacuum=8.0, axis=2)
    atoms.pbc = (True, True, False)
    return atoms


@pytest.mark.parametrize(
    "atoms, settings, words",
    [
        (_held(), {"ensemble": "npt_mtk"}, "FixAtoms; valid here: nve, nvt_langevin"),
        (_slab(), {"ensemble": "npt_mtk"}, "periodic in all directions.*cell_motion axes"),
        (_slab(), {"ensemble": "npt_langevin", "cell_motion": "axes"}, "isotropic or full, not axes.*npt_mtk"),
        (_slab(), {"ensemble": "npt_mtk", "cell_motion": "axes", "pressure_GPa": 1.0}, "contains vacuum"),
        (_slab(), {"ensemble": "npt_mtk", "cell_motion": "axes", "cell_axes": "c"}, "not periodic"),
        (_skewed(), {"ensemble": "npt_mtk", "cell_motion": "axes"}, "rectangular supercell"),
        (morse_cluster(), {"ensemble": "nph"}, "valid here: nve, nvt_langevin, nvt_bussi"),
        (morse_cluster(), {"ensemble": "npt_mtk", "cell_motion": "axes"}, "needs a cell with a volume"),
        (morse_crystal(2), {"ensemble": "npt_mtk", "cell_axes": "ab"}, "reads cell_axes only with cell_motion axes"),
        (morse_crystal(2), {"temperature_K": (1, 2)}, "no thermostat.*valid here: nvt_langevin"),
        (morse_crystal(2), {"ensemble": "nvt_bussi", "temperature_K": 0}, "above 0 K, not 0; .*nvt_langevin"),
        (morse_crystal(2), {"ensemble": "nve", "pressure_GPa": 1.0}, "does not read pressure_GPa.*npt_mtk"),
        (Atoms("Cu"), {"ensemble": "nvt_bussi"}, "nothing to thermostat.*nve, nvt_langevin"),
        (morse_crystal(2), {"stages": [{"steps": 1}, {"steps": 1, "ensemble": "nvt"}]}, "stage 2: ensemble is 'nvt'"),
        (morse_crystal(2), {"stages": [{"steps": 1, "cell_axes": "ba"}]}, "stage 1: cell_axes is 'ba'"),
        (morse_crystal(2), {"stages": ["nve"]}, "stage 1 is 'nve'"),
        (morse_crystal(2), {"temperature_K": ()}, "temperature_K is"),
    ],
)  # fmt: skip
def test_an_invalid_ensemble_is_an_error_that_lists_valid_ones(
    atoms: Atoms, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=f"(?s){words}"):
        record(atoms, **{"steps": 1, **settings})


def test_a_constraint_that_cannot_be_repeated_is_named() -> None:
    from ase.constraints import FixBondLength

    atoms = morse_crystal(1)
    atoms.set_constraint(FixBondLength(0, 1))
    with pytest.raises(StructureError, match="FixBondLengths"):
        record(atoms, steps=1, supercell=(2, 1, 1))


def test_every_stage_setting_has_a_meaning_for_some_ensemble() -> None:
    read = special_settings()
    assert read < set(Stage.model_fields)


def test_a_barostat_on_a_vacuum_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """In files such as POSCAR every slab is periodic in all directions."""
    slab = _slab()
    slab.pbc = True
    record(slab, steps=0, ensemble="npt_mtk", cell_motion="axes", cell_axes="ab")
    record(morse_crystal(2), steps=0, ensemble="npt_mtk")
    assert "empty" not in caplog.text
    record(slab, steps=0, ensemble="npt_mtk")
    assert "empty over more than 5 Å along c" in caplog.text
    assert "cell_axes ab" in caplog.text
