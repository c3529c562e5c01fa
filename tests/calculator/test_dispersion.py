"""D3 dispersion: derivatives, smooth cutoffs, nothing counted twice, the same in every way to ask for it."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene
from ase.calculators.emt import EMT
from ase.md.verlet import VelocityVerlet

from alignn_ff import AlignnCalculator, zoo
from alignn_ff.calculator import with_dispersion
from alignn_ff.calculator.dispersion import Dispersion, DispersionRecord, check_counted_once, parse_dispersion
from alignn_ff.errors import ConfigError
from alignn_ff.runs.model_record import check_same_dispersion, describe_model
from tests.support.command_line import CommandLine


def dispersion(name: str = "pbe-d3bj", **changes: float) -> Dispersion:
    pytest.importorskip("dftd3")
    record = parse_dispersion(name)
    return Dispersion(DispersionRecord(**{**record.__dict__, **changes}))  # type: ignore[arg-type]


def graphite() -> Atoms:
    layer = graphene(a=2.46, vacuum=0.0)
    second = layer.copy()
    second.positions += (0.0, 2.46 / 3**0.5, 3.35)
    crystal = layer + second
    crystal.set_cell([*layer.cell.array[:2], [0.0, 0.0, 6.7]])
    crystal.pbc = True
    crystal.rattle(0.05, seed=1)
    return crystal


@pytest.mark.parametrize("name", ["pbe-d3bj", "pbe-d3bj-atm", "pbe-d3zero"])
def test_stress_and_forces_are_the_derivatives_of_the_energy(name: str) -> None:
    if name.endswith("atm"):  # three-body terms are slow
        atoms, model = bulk("Ar", a=5.3), dispersion(name, triple_cutoff_A=12.0, pair_cutoff_A=20.0)
    else:
        atoms, model = graphite(), dispersion(name)
    found = model.evaluate(atoms)
    for a, b in ((0, 0), (2, 2), (0, 2)):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * 1e-4
            moved = atoms.copy()
            moved.set_cell(atoms.cell @ strain, scale_atoms=True)
            energies.append(model.evaluate(moved).energy)
        numerical = (energies[0] - energies[1]) / 2e-4 / atoms.get_volume()
        assert found.stress[a, b] == pytest.approx(numerical, abs=2e-8)
    moved = [atoms.copy() for _ in range(2)]
    moved[0].positions[0, 2] += 1e-3
    moved[1].positions[0, 2] -= 1e-3
    slope = (model.evaluate(moved[0]).energy - model.evaluate(moved[1]).energy) / 2e-3
    assert found.forces[0, 2] == pytest.approx(-slope, abs=1e-6)


def test_energies_are_smooth_at_the_cutoff() -> None:
    """A crystal expands, and shells of atoms leave the cutoff: without smoothing its pressure jumps."""
    scales = np.linspace(0.999, 1.001, 41)

    def roughness(model: Dispersion) -> float:
        pressures = []
        for scale in scales:
            atoms = bulk("Ar", a=5.3 * scale)
            pressures.append(model.evaluate(atoms).energy)
        return float(np.abs(np.diff(pressures, 3)).max())

    short = {"pair_cutoff_A": 15.0}
    rough = roughness(dispersion(**short, smoothing_A=0.0))
    assert roughness(dispersion(**short)) < 0.02 * rough


def test_the_record_states_all_that_programs_differ_in() -> None:
    found = dispersion().record
    assert (found.functional, found.damping, found.three_body) == ("pbe", "d3bj", False)
    assert found.pair_cutoff_A == pytest.approx(31.75, abs=0.01)
    assert found.smoothing_A == pytest.approx(5.29, abs=0.01)
    assert found.library.startswith("dftd3 1.")
    assert dispersion("pbe-d3bj-atm", triple_cutoff_A=10.0).record.three_body


def test_the_three_body_term_is_off_unless_asked_for() -> None:
    atoms = Atoms("Ar3", positions=[(0, 0, 0), (3.8, 0, 0), (1.9, 3.3, 0)])
    plain, more = (dispersion(name).evaluate(atoms).energy for name in ("pbe-d3bj", "pbe-d3bj-atm"))
    assert 0 < more - plain < 0.01 * abs(plain)


def test_every_way_to_ask_gives_the_same_sum_also_in_batches() -> None:
    added = dispersion().evaluate(bulk("Si"))
    plain = AlignnCalculator("si", dtype="float64")
    ways = (with_dispersion(plain, "pbe-d3bj"), AlignnCalculator("si", dtype="float64", dispersion="PBE-D3BJ"))
    (batched,) = ways[1].evaluate_many([bulk("Si")])  # type: ignore[attr-defined]
    assert batched[0] == pytest.approx(plain.get_potential_energy(bulk("Si")) + added.energy, abs=1e-10)
    for way in ways:
        assert way.get_property("energy", bulk("Si")) == pytest.approx(batched[0], abs=1e-10)
        np.testing.assert_allclose(way.get_property("forces", bulk("Si")), batched[1], atol=1e-10)
        np.testing.assert_allclose(way.get_stress(bulk("Si"))[:3], np.diag(batched[2]), atol=1e-12)
        assert "energies" not in way.implemented_properties
        record = describe_model(way)
        assert record.name == "si"
        assert record.dispersion is not None
        with pytest.raises(ConfigError, match="began with dispersion none, now it is pbe-d3bj"):
            check_same_dispersion(describe_model(plain), record)


def test_calculators_of_other_packages_conserve_energy_with_dispersion() -> None:
    pytest.importorskip("dftd3")
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=0)
    atoms.calc = with_dispersion(EMT(), "pbe-d3bj")
    assert atoms.get_potential_energy() < EMT().get_potential_energy(atoms.copy())
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, 2.0 * 0.098).run(30)
    assert atoms.get_total_energy() == pytest.approx(before, abs=2e-3)
    assert describe_model(atoms.calc).name == "EMT"


def test_dispersion_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    (card,) = (card for card in zoo.cards() if card.name == "si")
    for changes in ({"dispersion": "D3(BJ)"}, {"dispersion": "not stated", "level_of_theory": "VASP, optB88-vdW"}):
        monkeypatch.setattr(zoo, "cards", lambda changes=changes: [card.model_copy(update=changes)])
        with pytest.raises(ConfigError, match=r"counted twice.*contain it \((D3\(BJ\)|VASP, optB88-vdW)\)"):
            check_counted_once("si", "pbe-d3bj")
    with caplog.at_level(logging.WARNING):
        check_counted_once("my-model", "pbe-d3bj")
    assert "nothing states whether" in caplog.text
    monkeypatch.setattr(zoo, "cards", lambda: [card])
    caplog.clear()
    check_counted_once("si", "pbe-d3bj")
    assert not caplog.text


def test_names_and_a_missing_library_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="takes FUNCTIONAL-DAMPING such as pbe-d3bj"):
        parse_dispersion("pbe")
    with pytest.raises(ConfigError, match="no parameters of d3bj for the functional 'nonsense'"):
        dispersion("nonsense-d3bj")
    monkeypatch.setitem(sys.modules, "dftd3.interface", None)
    with pytest.raises(ConfigError, match=r"pip install 'alignn-ff\[dispersion\]'"):
        Dispersion(parse_dispersion("pbe-d3bj"))


def test_commands_take_it(tmp_path: Path, command_line: CommandLine) -> None:
    pytest.importorskip("dftd3")
    atoms = bulk("Si")
    atoms.write(tmp_path / "si.vasp")
    plain, more = (
        command_line("energy", tmp_path / "si.vasp", "--json", *options)
        for options in ((), ("--dispersion", "pbe-d3bj"))
    )
    assert '"pair_cutoff_A": 31.7' in more.stdout
    assert '"dispersion": null' in plain.stdout
    shown = command_line("energy", tmp_path / "si.vasp", "--dispersion", "pbe-d3bj")
    assert "model si + pbe-d3bj" in shown.stdout
    assert command_line("energy", tmp_path / "si.vasp", "--dispersion", "d3").code == 2
