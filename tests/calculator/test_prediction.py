"""A prediction holds numbers and NumPy arrays of one structure, the same as the tensors."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms

from alignn_ff.domain import Finding
from alignn_ff.potential import Potential
from alignn_ff.prediction import Prediction
from alignn_ff.predictor import Predictor, load_predictor
from alignn_ff.testing import structure
from tests.support.committees import tiny_committee
from tests.support.recorded import FOLDERS, recorded
from tests.support.tiny_models import ELEMENTS, tiny_potential

STRUCTURES = [structure(name, ELEMENTS) for name in ("rattled bulk", "slab with a cell", "molecule", "free atom")]


def predictor(potential: Potential) -> Predictor:
    return Predictor("tiny", potential.header, potential.model, device=potential.device, dtype=potential.dtype)


@pytest.mark.parametrize("model", [tiny_potential, tiny_committee], ids=["one model", "committee"])
def test_numbers_are_those_of_the_tensors_and_share_their_shapes(model) -> None:  # type: ignore[no-untyped-def]
    potential = model()
    for atoms, found, tensors in zip(
        STRUCTURES, potential.predict(STRUCTURES), potential.predict_tensors(STRUCTURES), strict=True
    ):
        n_atoms = len(atoms)
        assert type(found.energy) is float
        assert found.energy == float(tensors.energy[0])
        for name, shape, expected in (
            ("energies", (n_atoms,), tensors.atomic_energy),
            ("forces", (n_atoms, 3), tensors.forces),
            ("stress", (3, 3), tensors.stress[0]),
        ):
            array = getattr(found, name)
            assert (type(array), array.shape, array.dtype) == (np.ndarray, shape, np.float64)
            np.testing.assert_array_equal(array, expected.numpy())
        if potential.n_members == 1:
            assert found.energy_std is found.energies_std is found.forces_std is found.stress_std is None
            continue
        assert type(found.energy_std) is type(found.stress_std) is float
        assert found.energy_std == float(tensors.spread.energy[0])
        np.testing.assert_array_equal(found.energies_std, tensors.spread.atomic_energy)
        np.testing.assert_array_equal(found.forces_std, tensors.spread.forces)
        np.testing.assert_array_equal(found.stress_std, tensors.spread.stress[0])
        assert found.energies_std.shape == found.forces_std.shape == (n_atoms,)


def test_without_derivatives_there_is_an_energy_but_no_forces() -> None:
    potential = tiny_committee()
    (alone,), (whole,) = (potential.predict(STRUCTURES[:1], derivatives=chosen) for chosen in (False, True))
    assert alone.energy == pytest.approx(whole.energy, abs=1e-12)
    assert alone.forces is alone.stress is alone.forces_std is alone.stress_std is None
    assert alone.energy_std == pytest.approx(whole.energy_std, rel=1e-9)


def test_a_predictor_of_a_force_field_gives_what_its_potential_does() -> None:
    potential = tiny_potential()
    for one, other in zip(predictor(potential).predict(STRUCTURES), potential.predict(STRUCTURES), strict=True):
        assert one.to_json() == other.to_json()
    (alone,) = predictor(potential).predict(STRUCTURES[:1], derivatives=False)
    assert alone.forces is None


def test_a_force_field_with_further_outputs_gives_them_beside_forces_where_gradients_are_on() -> None:
    atoms = recorded("atomwise-charges")["ethanol_box"].atoms
    with torch.enable_grad():
        (found,) = load_predictor(FOLDERS / "atomwise-charges", device="cpu", dtype="float64").predict([atoms])
    assert found.forces.shape == (len(atoms), 3)
    assert (found.atomwise.shape[0], found.additional.ndim) == (len(atoms), 1)
    assert found.values is found.predicted_class is None


def test_a_property_model_gives_values_and_no_energy() -> None:
    model = load_predictor(FOLDERS / "alignn-log", device="cpu", dtype="float64")
    (found,) = model.predict([recorded("alignn-log")["ethanol_box"].atoms])
    assert found.energy is found.forces is found.probabilities is None
    assert (found.values.shape, found.values.dtype) == ((1,), np.float64)


def test_json_names_units_and_has_no_nan() -> None:
    molecule, bulk = tiny_committee().predict([STRUCTURES[2], STRUCTURES[0]])
    assert molecule.to_json()["stress_eV_per_A3"] == [None] * 6
    assert molecule.to_json()["stress_std_eV_per_A3"] is None
    content = json.loads(json.dumps(bulk.to_json(), allow_nan=False))
    (s_xx, s_yy, s_zz, s_yz, s_xz, s_xy) = content["stress_eV_per_A3"]
    np.testing.assert_allclose([[s_xx, s_xy, s_xz], [s_xy, s_yy, s_yz], [s_xz, s_yz, s_zz]], bulk.stress, atol=1e-15)
    assert content["energy_eV"] == bulk.energy
    assert np.array(content["forces_eV_per_A"]).shape == bulk.forces.shape
    assert "values" not in content


def test_what_is_outside_of_the_training_data_comes_with_the_prediction() -> None:
    header = tiny_potential().header
    domain = header.domain.model_copy(update={"shortest_distance_A": {"Si-Si": 2.2}})
    potential = tiny_potential(header.model_copy(update={"domain": domain}))
    near, far = potential.predict([Atoms("Si2", [[0, 0, 0], [0, 0, z]]) for z in (0.9, 2.3)])
    assert {finding.check for finding in near.outside} - {finding.check for finding in far.outside}
    assert near.to_json()["outside"][0]["message"] == near.outside[0].message


def test_a_prediction_is_frozen() -> None:
    finding = Finding("distance", "too near", stops=True, excess=2.0)
    changed = replace(Prediction(energy=1.0), outside=(finding,))
    with pytest.raises(AttributeError):
        changed.energy = 2.0  # type: ignore[misc]
