"""What a model predicts for one structure, as numbers and NumPy arrays: what users get.

In: tensors of an evaluation, on the CPU. Out: :class:`Prediction`, whose arrays share the memory of these tensors.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.display import Displayed, Sheet, exact
from alignn_ff.domain import Finding, sentences
from alignn_ff.graph import TensorPrediction

FloatArray = NDArray[np.float64]

JSON_NAMES: Final[dict[str, str]] = {
    "energy": "energy_eV",
    "energies": "energies_eV",
    "forces": "forces_eV_per_A",
    "stress": "stress_eV_per_A3",
    "energy_std": "energy_std_eV",
    "energies_std": "energies_std_eV",
    "forces_std": "forces_std_eV_per_A",
    "stress_std": "stress_std_eV_per_A3",
}
"""Fields that have a unit → their names in JSON; the other fields keep their names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction(Displayed):
    """Outputs of a model for one structure, as floats and float64 arrays.

    None stands for what the model does not have or was not asked. Names are those of the results of the ASE calculator.

    Attributes:
        energy: eV, total energy of a force field.
        energies: (n_atoms,) eV, parts of the energy that belong to the atoms.
        forces: (n_atoms, 3) eV/Å, −∂energy/∂positions.
        stress: (3, 3) eV/Å³, symmetric, tension positive; NaN without a volume.
        energy_std: eV, standard deviation of the energy, of a model that tells its uncertainty.
        energies_std: (n_atoms,) eV, likewise of each atom's energy.
        forces_std: (n_atoms,) eV/Å, root of the variances of the three components of a force added.
        stress_std: eV/Å³, likewise of the nine components of the stress; NaN without a volume.
        values: (n_outputs,) outputs of a property model, in the unit of its training data.
        probabilities: (n_classes,) of a classification.
        predicted_class: the most probable class, from 0.
        atomwise: (n_atoms, n) further outputs per atom.
        additional: (n,) further outputs per structure.
        outside: in which ways the structure is outside of the training data.
    """

    energy: float | None = None
    energies: FloatArray | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    energy_std: float | None = None
    energies_std: FloatArray | None = None
    forces_std: FloatArray | None = None
    stress_std: float | None = None
    values: FloatArray | None = None
    probabilities: FloatArray | None = None
    predicted_class: int | None = None
    atomwise: FloatArray | None = None
    additional: FloatArray | None = None
    outside: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Names with their units, and numbers or lists; what the model does not have is left out, NaN is null.

        The stress is in Voigt order xx yy zz yz xz xy.
        """
        present = {name: value for name, value in vars(self).items() if value is not None and name != "outside"}
        if self.stress is not None:
            present["stress"] = full_3x3_to_voigt_6_stress(self.stress)
        content = {JSON_NAMES.get(name, name): _plain(value) for name, value in present.items()}
        return {**content, "outside": [finding.to_json() for finding in self.outside]}

    def brief(self) -> str:
        """Energy and largest force of a force field; class or values of a property model."""
        words = [f"energy {self.energy:.6g} eV"] if self.energy is not None else []
        words += [f"± {self.energy_std:.2g} eV"] if self.energy_std is not None else []
        words += [f"{len(self.energies)} atoms"] if self.energies is not None else []
        words += [f"largest force {_largest(self.forces):.4g} eV/Å"] if self.forces is not None else []
        words += [f"class {self.predicted_class}"] if self.predicted_class is not None else []
        words += [f"values {_several(self.values)}"] if self.values is not None else []
        words += ["outside of the training data"] if self.outside else []
        return ", ".join(words)

    def sheet(self) -> Sheet:
        """Numbers of the structure, and a table of its atoms."""
        facts: dict[str, object] = {
            "energy_eV": exact(self.energy),
            "standard_deviation_of_the_energy_eV": self.energy_std,
            "stress_xx_yy_zz_yz_xz_xy_eV_per_A3": None if self.stress is None else _stress(self.stress),
            "standard_deviation_of_the_stress_eV_per_A3": self.stress_std,
            "class": self.predicted_class,
            "values": _numbers(self.values),
            "probabilities": _numbers(self.probabilities),
            "further_outputs": _numbers(self.additional),
        }
        columns = {name: column for name, column in self._columns().items() if column is not None}
        n_atoms = len(next(iter(columns.values()))) if columns else 0
        atoms = {"atoms": {"atom": range(n_atoms), **columns}} if columns else {}
        return Sheet(facts, atoms, sentences(self.outside))

    def _columns(self) -> dict[str, Any]:
        forces = (None, None, None) if self.forces is None else self.forces.T
        further = () if self.atomwise is None else self.atomwise.T
        return {
            "energy_eV": self.energies,
            "std_of_the_energy_eV": self.energies_std,
            **{f"force_{axis}_eV_per_A": column for axis, column in zip("xyz", forces, strict=True)},
            "std_of_the_force_eV_per_A": self.forces_std,
            **{f"output_{k}": column for k, column in enumerate(further)},
        }


def prediction_of(tensors: TensorPrediction, outside: tuple[Finding, ...]) -> Prediction:
    """Numbers and arrays of one structure, without copying.

    Args:
        tensors: of one structure, on the CPU, without autograd history.
        outside: in which ways the structure is outside of the training data.
    """
    spread = tensors.spread
    return Prediction(
        energy=float(tensors.energy[0]),
        energies=tensors.atomic_energy.numpy(),
        forces=_array(tensors.forces),
        stress=None if tensors.stress is None else tensors.stress[0].numpy(),
        energy_std=None if spread is None else float(spread.energy[0]),
        energies_std=None if spread is None else spread.atomic_energy.numpy(),
        forces_std=None if spread is None else _array(spread.forces),
        stress_std=None if spread is None or spread.stress is None else float(spread.stress[0]),
        outside=outside,
    )


def _array(tensor: Tensor | None) -> FloatArray | None:
    return None if tensor is None else tensor.numpy()


def _plain(value: Any) -> object:
    """For JSON, where NaN is null."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value] if np.isnan(value).any() else value.tolist()
    return None if np.isnan(value) else float(value) if isinstance(value, float) else value


def _stress(stress: FloatArray) -> tuple[str | None, ...]:
    return tuple(map(exact, full_3x3_to_voigt_6_stress(stress).tolist()))


def _largest(forces: FloatArray) -> float:
    return float(np.linalg.norm(forces, axis=1).max(initial=0.0))


def _numbers(values: FloatArray | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values.tolist())


def _several(values: FloatArray) -> str:
    """The first numbers."""
    return " ".join(f"{value:.5g}" for value in values[:5]) + (" …" if len(values) > 5 else "")
