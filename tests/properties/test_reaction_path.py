"""Nudged elastic band: laws on a vacancy in copper (EMT), and the mistakes that give silently wrong barriers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from numpy.typing import NDArray

from alignn_ff.errors import StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import compute
from alignn_ff.properties.errors import NotConvergedError
from alignn_ff.properties.files import restart_file, write_result
from alignn_ff.properties.reaction_path import NEBConfig, NEBResult
from alignn_ff.properties.reaction_path.ends import matched_ends, motion
from alignn_ff.properties.reaction_path.interpolation import first_guess
from alignn_ff.properties.reaction_path.path import _doubts
from alignn_ff.properties.reaction_path.profile import Profile, between, work_along
from alignn_ff.properties.run import PropertyRun, stopped_run
from alignn_ff.properties.run import compute as compute_on_disk
from tests.support.command_line import CommandLine


def vacancies(*, solute: str | None = None) -> tuple[Atoms, Atoms]:
    """A vacancy on one site of copper, and on the next; optionally beside an atom of another element."""
    crystal = bulk("Cu", cubic=True, a=3.5897).repeat(2)
    distances = crystal.get_all_distances(mic=True)
    jumping = int(np.argsort(distances[0])[1])
    if solute is not None:
        near_end_only = distances[0] - distances[jumping] - 10.0 * (distances[jumping] == 0)
        crystal.symbols[int(np.argmax(near_end_only))] = solute
    start, end = crystal.copy(), crystal.copy()
    end.positions[jumping] = crystal.positions[0]
    del start[0], end[0]
    start.calc = EMT()
    return start, end


def path(start: Atoms, end: Atoms, **config: object) -> NEBResult:
    result = compute("neb", start, end, config={"hessian_atoms": 0, **config})
    assert isinstance(result, NEBResult)
    return result


@pytest.fixture(scope="module")
def hop() -> NEBResult:
    return path(*vacancies(), images=5, fmax_eV_per_A=0.01, hessian_atoms=50)


def test_the_barrier_of_a_vacancy_is_the_known_one_and_the_same_both_ways(hop: NEBResult) -> None:
    assert 0.7916 < hop.barrier < 0.7922
    assert hop.summary["reverse_barrier_eV"] == pytest.approx(hop.barrier, abs=1e-6)
    np.testing.assert_allclose(hop.energies, hop.energies[::-1], atol=1e-5)
    assert not hop.remarks


def test_the_highest_image_is_a_saddle(hop: NEBResult) -> None:
    assert hop.highest == 3
    assert hop.checks["largest_force_on_highest_image_eV_per_A"] < 0.01
    assert hop.checks["directions_down_from_saddle"] == 1
    assert abs(hop.profile.slope[hop.highest]) < 0.01


def test_the_work_of_the_forces_is_the_difference_of_energies() -> None:
    result = path(*vacancies(solute="Au"))
    assert abs(float(result.summary["energy_change_eV"] or 0)) > 0.01
    np.testing.assert_allclose(result.profile.work, result.profile.energy, atol=1e-3)
    forward, reverse = (float(result.summary[key] or 0) for key in ("barrier_eV", "reverse_barrier_eV"))
    assert forward - reverse == pytest.approx(float(result.summary["energy_change_eV"] or 0))


def test_without_climbing_images_are_equally_spaced_and_the_curve_gives_the_barrier() -> None:
    result = path(*vacancies(), images=4, climb=False, spring_eV_per_A2=2.0)  # no image on the saddle
    steps = np.diff(result.profile.distance)
    assert np.ptp(steps) < 0.05 * steps.mean()
    assert float(np.ptp(result.energies)) < 0.75
    assert result.barrier == pytest.approx(0.792, abs=0.03)


def test_the_ends_are_relaxed_first() -> None:
    start, end = vacancies()
    start.rattle(0.05, seed=1)
    end.rattle(0.05, seed=2)
    relaxed = path(start, end, images=3)
    assert relaxed.barrier == pytest.approx(0.792, abs=0.004)
    assert relaxed.summary["reverse_barrier_eV"] == pytest.approx(relaxed.barrier, abs=0.001)
    taken = path(start, end, images=3, relax=False)
    assert abs(taken.barrier - 0.792) > 0.02
    assert [remark.code for remark in taken.remarks].count("end_not_relaxed") == 2


def test_periodic_images_and_the_other_order_give_the_same_motion() -> None:
    start, end = vacancies()
    expected = motion(*matched_ends(start, end, "same"))
    end.positions[3] += end.cell[0] - 2 * end.cell[2]
    np.testing.assert_allclose(motion(*matched_ends(start, end, "same")), expected, atol=1e-12)
    order = np.random.default_rng(0).permutation(len(end))
    first, last = matched_ends(start, end[order], "nearest")
    np.testing.assert_allclose(last.positions - first.positions, expected, atol=1e-12)


def test_other_orders_cells_atoms_and_origins_are_refused() -> None:
    start, end = vacancies(solute="Au")
    order = np.arange(len(end))
    copper = int(np.flatnonzero(end.numbers == 29)[-1])
    near = next(k for k in np.argsort(end.get_distances(copper, order, mic=True))[1:] if end.numbers[k] == 29)
    order[[copper, near]] = order[[near, copper]]
    with pytest.raises(StructureError, match=r"2 atoms seem to be in another order.*--order nearest"):
        matched_ends(start, end[order], "same")
    assert np.abs(motion(*matched_ends(start, end[order], "given"))[copper]).max() > 1.0
    with pytest.raises(StructureError, match="elements of START and END are in another order"):
        matched_ends(start, end[::-1], "same")
    strained = end.copy()
    strained.set_cell(1.01 * end.cell, scale_atoms=True)
    with pytest.raises(StructureError, match=r"cells of START and END differ by up to 0\.07.*one cell"):
        matched_ends(start, strained, "same")
    with pytest.raises(StructureError, match="consist of the same atoms"):
        matched_ends(start, end[1:], "same")
    with pytest.raises(StructureError, match="are the same structure"):
        matched_ends(start, start, "same")
    shifted = end.copy()
    shifted.positions += (0.9, 0.0, 0.0)
    with pytest.raises(StructureError, match="is the origin, or the order"):
        matched_ends(start, shifted, "same")
    small = bulk("Cu", cubic=True)
    moved = small.copy()
    moved.positions[0] += small.cell[0] / 2
    with pytest.raises(StructureError, match="half of a period of the cell"):
        matched_ends(small, moved, "given")


def test_ends_that_relax_to_one_minimum_have_no_path() -> None:
    start, _ = vacancies()
    end = start.copy()
    end.positions[0] += 0.3
    with pytest.raises(StructureError, match="relax to the same structure"):
        path(start, end)


def test_atoms_that_exchange_places_pass_around_each_other() -> None:
    start = bulk("Cu", cubic=True).repeat(2)
    end = start.copy()
    end.positions[[0, 1]] = end.positions[[1, 0]]
    images = first_guess(*matched_ends(start, end, "given"), 5)
    assert min(image.get_distance(0, 1, mic=True) for image in images) > 1.5


def test_nothing_is_read_beyond_the_ends_of_the_curve() -> None:
    profile = Profile(np.arange(3.0), np.array([0.0, 0.1, 0.2]), np.array([-1.0, 0.1, 2.0]), np.zeros(3))
    place, height = profile.maximum()
    assert (place, height) == pytest.approx((2.0, 0.2))
    assert np.isnan(profile.curve(2.1))
    wave = np.linspace(0.0, 4 * np.pi, 9)
    valley = Profile(wave, 1 - np.cos(wave), np.sin(wave), np.zeros(9)).deepest_minimum()
    assert valley == pytest.approx((2 * np.pi, 2.0), abs=1e-6)


def quartic(positions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """E = x⁴ + 3y² of the first atom, and its forces."""
    x, y, z = positions[:, 0].T
    return x**4 + 3.0 * y**2, np.stack([-4.0 * x**3, -6.0 * y, 0.0 * z], axis=1)[:, None, :]


def test_the_work_along_a_path_with_sharp_turns_is_the_difference_of_energies() -> None:
    corners = np.array([[-1.0, 0.0], [-0.2, 0.1], [0.0, 0.9], [0.1, 0.1], [0.2, 0.8], [1.0, 0.8]])
    images = [Atoms("H", [(x, y, 0.0)]) for x, y in corners]
    energies, forces = quartic(np.array([image.positions for image in images]))
    _, inner = quartic(np.array([image.positions for image in between(images)]))
    positions = np.array([image.positions for image in images])
    work = work_along(positions, forces, inner)
    np.testing.assert_allclose(work, energies - energies[0], atol=1e-12)
    wrong = work_along(positions, 1.1 * forces, 1.1 * inner)
    assert np.abs(wrong - energies + energies[0]).max() > 0.05


def test_forces_that_are_not_derivatives_and_paths_with_sharp_turns_are_marked(hop: NEBResult) -> None:
    assert hop.turns_degrees.max() < 60.0
    codes = [remark.code for remark in _doubts(replace(hop, work=1.1 * hop.work))]
    assert "forces_disagree" in codes
    images = list(hop.images)
    images[1], images[2] = images[2], images[1]
    assert "sharp_turns" in [remark.code for remark in _doubts(replace(hop, images=tuple(images)))]


def test_a_valley_and_a_slope_without_barrier_are_marked() -> None:
    start, middle = vacancies()
    end = middle.copy()
    jumping = int(np.argmax(np.linalg.norm(motion(start, middle), axis=1)))
    distances = start.get_distances(jumping, range(len(start)), mic=True)
    follower = int(np.argsort(distances)[1])
    end.positions[follower] = start.positions[jumping]  # a second atom follows to the site that the first has left
    chain = path(start, end, images=5, climb=False, fmax_eV_per_A=0.1, order="given")
    codes = [remark.code for remark in chain.remarks]
    assert "intermediate_minimum" in codes
    slope = start.copy()
    slope.positions[0] += 0.4
    slope.calc = EMT()
    still = path(slope, start, images=3, relax=False, climb=False, fmax_eV_per_A=9.0)
    codes = [remark.code for remark in still.remarks]
    assert "no_barrier" in codes


class Batched(EMT):
    """EMT that evaluates several structures, dies at its n-th call, and counts the calls and their sizes."""

    def __init__(self, lives: int = 10_000) -> None:
        super().__init__()
        self.lives, self.sizes = lives, list[int]()

    def evaluate_many(
        self, structures: Sequence[Atoms]
    ) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
        self.sizes.append(len(structures))
        if len(self.sizes) > self.lives:
            raise KeyboardInterrupt
        found = []
        for atoms in structures:
            self.calculate(atoms, ["energy"], all_changes)
            found.append((float(self.results["energy"]), self.results["forces"].copy(), np.zeros((3, 3))))
        return found


def run(folder: Path, **config: object) -> PropertyRun:
    start, end = vacancies()
    start.set_constraint(FixAtoms([10, 12]))
    settings = NEBConfig.model_validate({"images": 3, "hessian_atoms": 0, **config})
    return PropertyRun("neb", (start, end), settings, folder / "cu", {})


def test_all_images_are_evaluated_in_one_call_and_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = Batched()
    expected = compute_on_disk(run(tmp_path), whole)
    assert isinstance(expected, NEBResult)
    # both ends, images, the whole path at last and the lines between; relaxations evaluate by themselves
    assert set(whole.sizes) == {2, 3, 5, 8}
    assert whole.sizes.count(3) > 10
    for lives in (14, len(whole.sizes) - 1):
        with pytest.raises(KeyboardInterrupt):
            compute_on_disk(run(tmp_path), Batched(lives))
        rest = Batched()
        found = compute_on_disk(stopped_run(restart_file(tmp_path / "cu")), rest, resume=True)
        assert isinstance(found, NEBResult)
        np.testing.assert_array_equal(found.energies, expected.energies)
        assert len(rest.sizes) < len(whole.sizes) - lives + 12
    fixed = [image.positions[[10, 12]] for image in expected.images]
    np.testing.assert_array_equal(fixed, [fixed[0]] * len(fixed))
    np.testing.assert_array_equal(fixed[0], run(tmp_path).structures[0].positions[[10, 12]])


def test_a_band_that_ran_out_of_steps_goes_on_after_a_restart(tmp_path: Path) -> None:
    config = {"max_steps": 12, "fmax_eV_per_A": 0.02, "ends_fmax_eV_per_A": 0.2}
    with pytest.raises(NotConvergedError, match="--restart goes on"):
        compute_on_disk(run(tmp_path, **config), EMT())
    result = None
    for _ in range(4):
        try:
            result = compute_on_disk(run(tmp_path, **config), EMT(), resume=True)
        except NotConvergedError:
            continue
    assert result is not None
    assert result.summary["barrier_eV"] == pytest.approx(0.79, abs=0.02)


def test_files_and_figure(hop: NEBResult, tmp_path: Path) -> None:
    files = write_result(tmp_path / "cu", hop) + save_property_figures(hop, tmp_path / "cu")
    assert {file.name for file in files} == {
        *("cu.json", "cu-images.csv", "cu-curve.csv", "cu-images.extxyz", "cu-highest.extxyz", "cu-path.png")
    }


def test_the_command_refuses_with_exit_code_2(tmp_path: Path, command_line: CommandLine) -> None:
    start = bulk("Si", cubic=True)
    start.write(tmp_path / "start.vasp")
    start[::-1].write(tmp_path / "end.vasp")
    refused = command_line("neb", tmp_path / "start.vasp", tmp_path / "end.vasp", "-o", tmp_path / "neb")
    assert refused.code == 2
    assert "another order" in refused.stderr
    assert not restart_file(tmp_path / "neb").exists()  # nothing was computed that a restart could use
    single = command_line("neb", tmp_path / "start.vasp")
    assert single.code == 2
    assert "give the END" in single.stderr
