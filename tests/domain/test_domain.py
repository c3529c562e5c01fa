"""Every driver knows what its model has seen: what is outside is found, and normal use is inside."""

import copy
import logging
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, diamond111, make_supercell
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from alignn_ff import zoo
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.checkpoint import Header, TrainingDomain, read
from alignn_ff.domain import CHECKS, DomainGuard, Evaluated, OutsideError, seen_pairs
from alignn_ff.domain.description import not_in_data
from alignn_ff.errors import ConfigError
from alignn_ff.graph import find_pairs, system_from_atoms
from alignn_ff.md import MDConfig, run_md
from alignn_ff.potential import Potential, load_potential
from tests.support.line_graph import LINE_GRAPH_MODEL
from tests.support.tiny_models import tiny_header, tiny_potential

SILICON_A = 5.431


@pytest.fixture(scope="module")
def silicon() -> Potential:
    return load_potential(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager")


def diamond(a: float = SILICON_A) -> Atoms:
    return bulk("Si", cubic=True, a=a)


def vacancy() -> Atoms:
    atoms = diamond() * 2
    del atoms[0]
    return atoms


def strained(strain: NDArray[np.float64]) -> Atoms:
    atoms = diamond()
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


def rattled(width: float) -> Atoms:
    atoms = diamond() * 2
    atoms.rattle(width, seed=3)
    return atoms


def slab() -> Atoms:
    atoms = diamond111("Si", (2, 2, 6), a=SILICON_A, vacuum=12.0)
    atoms.pbc = True
    return atoms


NORMAL = {
    "crystal": diamond(),
    "primitive": bulk("Si"),
    "vacancy": vacancy(),
    "slab, periodic": slab(),
    "slab": diamond111("Si", (1, 1, 8), a=SILICON_A, vacuum=6.0),
    "tension": strained(np.diag([0.1, 0.0, 0.0])),
    "compression": strained(np.diag([-0.03, -0.03, -0.03])),
    "shear": strained(np.array([[0, 0.08, 0], [0, 0, 0.05], [0, 0, 0]])),
    "hot": rattled(0.15),
    "skewed supercell": make_supercell(bulk("Si"), [[2, 1, 0], [0, 2, 0], [0, 1, 2]]),
}


def found_in(atoms: Atoms, potential: Potential) -> set[str]:
    ((_, findings),) = potential.predict_judged([atoms])
    return {finding.check for finding in findings}


@pytest.mark.parametrize("name", NORMAL)
def test_normal_use_is_inside(name: str, silicon: Potential) -> None:
    assert found_in(NORMAL[name], silicon) == set()


OUTSIDE_STRUCTURES = {
    "0.7 Å": (Atoms("Si2", [[0, 0, 0], [0, 0, 0.7]]), {"distance", "dimer"}),
    "dimer": (Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]]), {"dimer"}),
    "lone atom": (Atoms("Si"), {"lone_atom"}),
    "lone atom above a slab": (slab() + Atoms("Si", [[0, 0, 5.0]]), {"lone_atom"}),
    "0.3 of the density": (diamond(SILICON_A * 0.3 ** (-1 / 3)), {"volume"}),
    "dense": (diamond(4.7), {"volume"}),
    "fcc, in a hole of the model": (bulk("Si", "fcc", a=3.6), {"volume", "energy_below"}),
    "simple cubic, in a hole of the model": (bulk("Si", "sc", a=2.5), {"energy_below"}),
}


@pytest.mark.parametrize("name", OUTSIDE_STRUCTURES)
def test_what_is_outside_is_found_and_the_sentence_has_numbers(name: str, silicon: Potential) -> None:
    atoms, expected = OUTSIDE_STRUCTURES[name]
    calculator = AlignnCalculator(silicon)
    calculator.get_property("energy", atoms)
    assert expected <= {finding.check for finding in calculator.findings}
    assert calculator.results["outside"] == tuple(finding.message for finding in calculator.findings)
    for finding in calculator.findings:
        assert finding.excess > 1.0
        assert finding.stops == CHECKS[finding.check].stops
        assert all(0 <= atom < len(atoms) for atom in finding.atoms)


def test_results_inside_hold_no_sentence_and_those_of_before_are_gone(silicon: Potential) -> None:
    calculator, atoms = AlignnCalculator(silicon), Atoms("Si2", [[0, 0, 0], [0, 0, 1.0]])
    atoms.calc = calculator
    atoms.get_potential_energy()
    assert calculator.results["outside"]
    inside = diamond()
    inside.calc = calculator
    inside.get_potential_energy()
    assert calculator.results["outside"] == ()


def test_ase_takes_all_results_at_once(silicon: Potential) -> None:
    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 1.0]])
    atoms.calc = AlignnCalculator(silicon)
    assert set(atoms.get_properties(["energy", "forces"])) >= {"energy", "forces"}
    kept = SinglePointCalculator(atoms, **atoms.calc.results)
    assert kept.results["energy"] == atoms.calc.results["energy"]
    own = atoms.calc.results
    for results in (own, copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert "outside" in results
        assert results.get("outside") == results["outside"] != ()
        assert "outside" not in list(results)
    with pytest.raises(KeyError, match="dipole"):
        _ = own["dipole"]


def test_the_calculator_warns_once_per_kind_or_stops_or_is_silent(
    silicon: Potential, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for word, expected in (("warn", 1), ("ignore", 0)):
        caplog.clear()
        calculator = AlignnCalculator(silicon, outside=word)
        for distance in (0.7, 0.8):
            atoms = Atoms("Si2", [[0, 0, 0], [0, 0, distance]])
            atoms.calc = calculator
            atoms.get_potential_energy()
        assert caplog.text.count("the shortest Si-Si distance in the training data is 1.829 Å") == expected
    stopping = AlignnCalculator(silicon, outside="stop")
    with pytest.raises(OutsideError, match=r"0\.800 Å apart") as stopped:
        stopping.get_property("energy", atoms)
    assert stopped.value.exit_code == 4
    assert stopping.get_property("energy", Atoms("Si")) == pytest.approx(-2.46, abs=0.01)  # only reported
    with pytest.raises(ConfigError, match="outside is 'explode'; allowed are warn, stop, ignore"):
        AlignnCalculator(silicon, outside="explode")


def test_an_older_model_file_knows_nothing_more_than_it_holds() -> None:
    header = tiny_header((14,))
    assert found_in(Atoms("Si"), tiny_potential(header)) == set()
    old = TrainingDomain(shortest_distance_A={"Si-Si": 2.2}, energy_per_atom_eV=(-1e3, 1e3), n_structures=3)
    potential = tiny_potential(header.model_copy(update={"domain": old}))
    assert found_in(Atoms("Si"), potential) == set()
    assert found_in(Atoms("Si2", [[0, 0, 0], [0, 0, 1.9]]), potential) == {"distance"}


def guard_of(domain: TrainingDomain, header: Header | None = None) -> DomainGuard:
    return DomainGuard((header or tiny_header()).model_copy(update={"domain": domain}))


def checks_of(guard: DomainGuard, atoms: Atoms, energy: float | None = None, forces: object = None) -> set[str]:
    pairs = find_pairs(system_from_atoms(atoms), tiny_header().graph)
    found = guard.findings(Evaluated(atoms, pairs, energy, forces))  # type: ignore[arg-type]
    return {finding.check for finding in found}


WATER = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [0, 0.96, 0]])


def test_energies_are_compared_less_the_references_of_their_elements() -> None:
    """References of the tiny model: H −0.5, O −1.0, Si −1.5 eV."""
    guard = guard_of(TrainingDomain(energy_above_references_eV=(-0.2, 0.1)))
    reference = -1.0 - 2 * 0.5
    for above, expected in ((0.0, set()), (-0.3, {"energy_below"}), (0.2, {"energy_above"})):
        assert checks_of(guard, WATER, reference + 3 * above) == expected
    raw = guard_of(TrainingDomain(energy_per_atom_eV=(-0.2, 0.1)))  # says nothing about another composition
    assert checks_of(raw, WATER, -50.0) == set()


def test_forces_are_compared_with_the_largest() -> None:
    guard = guard_of(TrainingDomain(largest_force_eV_per_A=5.0))
    forces = np.zeros((3, 3))
    for largest, expected in ((9.9, set()), (10.1, {"force"})):
        forces[1, 2] = -largest
        assert checks_of(guard, WATER, None, forces) == expected


def test_pairs_lone_atoms_and_dimers_are_known_by_element() -> None:
    seen = TrainingDomain(n_structures_per_pair={"H-O": 3, "H-H": 3}, n_lone_atoms={"O": 1}, n_dimers={"H-H": 2})
    guard = guard_of(seen)
    hydrogen, monoxide = (Atoms(symbols, [[0, 0, 0], [1.5, 0, 0]]) for symbols in ("H2", "SiO"))
    assert checks_of(guard, WATER) == set()
    assert checks_of(guard, hydrogen) == set()
    assert checks_of(guard, monoxide) == {"unseen_pair", "dimer"}
    assert checks_of(guard, Atoms("O")) == set()
    assert checks_of(guard, Atoms("Si")) == {"lone_atom"}
    exact = tiny_header(exact_free_atoms=True)  # such a model reproduces lone atoms
    assert checks_of(guard_of(seen, exact), Atoms("Si")) == set()


def test_models_of_earlier_versions_know_pairs_by_their_distances() -> None:
    earlier = TrainingDomain(shortest_distance_A={"H-H": 0.5, "H-O": 0.5})
    monoxide = Atoms("SiO", [[0, 0, 0], [1.5, 0, 0]])
    assert checks_of(guard_of(earlier), monoxide) == {"unseen_pair"}
    assert checks_of(guard_of(earlier), WATER) == set()
    assert seen_pairs(TrainingDomain()) is None
    assert seen_pairs(earlier) == {"H-H", "H-O"}
    assert seen_pairs(TrainingDomain(n_structures_per_pair={"H-H": 0, "O-O": 1}, shortest_distance_A={"H-H": 1})) == {
        "O-O"
    }


def test_the_card_tells_what_the_data_do_not_hold() -> None:
    header = tiny_header().model_copy(
        update={"domain": TrainingDomain(n_structures_per_pair={"H-O": 3, "H-H": 3, "O-O": 1}, n_lone_atoms={"O": 2})}
    )
    lone, pairs, *_ = not_in_data(header)
    assert lone.startswith("no lone atoms of H, Si: their energy is not a prediction")
    assert pairs.startswith("no neighbours H-Si, O-Si, Si-Si")
    assert not_in_data(tiny_header()) == ()  # not known
    for card in zoo.shipped_cards():
        assert card.not_in_data == not_in_data(read(card.file)[0])
        assert any(sentence.startswith("no lone atoms") for sentence in card.not_in_data)


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", ["nvt_langevin", "npt_langevin"])
def test_a_liquid_is_inside(ensemble: str) -> None:
    calculator = AlignnCalculator(LINE_GRAPH_MODEL, device="cpu")
    melting = MDConfig(steps=800, timestep_fs=2.0, ensemble="nvt_langevin", temperature_K=4000, thermostat_time_fs=50)
    melted = run_md(diamond(5.47) * 2, calculator, config=melting).atoms
    melted.calc = None
    config = MDConfig.model_validate(
        {"steps": 1000, "timestep_fs": 2.0, "ensemble": ensemble, "temperature_K": 2500, "outside": "stop"}
    )
    assert run_md(melted, calculator, config=config).outside == ()
