"""Phonons of an ionic crystal from forces of density functional theory, with the field of its ions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff.properties import compute
from alignn_ff.properties.phonons import PhononResult
from alignn_ff.units import COULOMB_EV_A
from tests.support.springs import Springs

DATA = Path(__file__).parents[1] / "data" / "rock_salt_dft.json"
GAMMA, X, L = [0.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.5, 0.5, 0.5]


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DATA.read_text())
    return found


def crystal(content: dict[str, Any]) -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=content["cell_A"] / 2.0)
    atoms.calc = Springs(content)
    return atoms


@pytest.fixture(scope="module")
def result(content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> PhononResult:
    file = tmp_path_factory.mktemp("born") / "born.json"
    file.write_text(json.dumps({name: content[name] for name in ("born", "dielectric")}))
    config = {"relax": False, "min_width_A": 11.2, "born": file, "mesh_length_A": 20.0}
    found = compute("phonon", crystal(content), config=config)
    assert isinstance(found, PhononResult)
    return found


def test_frequencies_are_those_of_the_reference(result: PhononResult, content: dict[str, Any]) -> None:
    assert len(result.harmonic.supercell) == 64
    for name, q in (("X", X), ("L", L)):
        found = np.sort(result.harmonic.frequencies([q])[0])
        np.testing.assert_allclose(found, content["frequencies_THz"][name], atol=2e-3)


def test_the_longitudinal_optical_mode_splits_from_the_transverse_ones(
    result: PhononResult, content: dict[str, Any]
) -> None:
    expected = content["frequencies_THz"]
    for direction in ([1.0, 0.0, 0.0], [1.0, 1.0, 1.0]):
        modes = np.sort(result.harmonic.frequencies([GAMMA], direction=np.array(direction))[0])
        np.testing.assert_allclose(modes[3:], [expected["TO"], expected["TO"], expected["LO"]], atol=2e-3)


def test_the_splitting_is_that_of_the_charges(result: PhononResult, content: dict[str, Any]) -> None:
    modes = np.sort(result.harmonic.frequencies([GAMMA], direction=np.array([1.0, 0.0, 0.0]))[0])
    charge, dielectric = content["born"][0][0][0], content["dielectric"][0][0]
    sodium, chlorine = result.atoms.get_masses()
    mass = sodium * chlorine / (sodium + chlorine) * 1.66053906660e-27
    stiffness = 4.0 * np.pi * COULOMB_EV_A * charge**2 / (dielectric * result.atoms.get_volume())  # eV/Å²
    gap = stiffness * 16.02176634 / mass / (2.0 * np.pi) ** 2 * 1e-24  # THz²
    assert modes[5] ** 2 - modes[3] ** 2 == pytest.approx(gap, rel=1e-3)


def test_without_charges_there_is_no_splitting(content: dict[str, Any]) -> None:
    config = {"relax": False, "min_width_A": 11.2, "mesh_length_A": 20.0}
    bare = compute("phonon", crystal(content), config=config)
    assert isinstance(bare, PhononResult)
    modes = np.sort(bare.harmonic.frequencies([GAMMA])[0])
    np.testing.assert_allclose(modes[3:], content["frequencies_THz"]["TO"], atol=2e-3)
