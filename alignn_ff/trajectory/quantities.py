"""What frames hold beside positions, cell and energy: one table, a row per quantity.

A row names the quantity in ASE's formats and in H5MD, and converts it. Any result of an ASE calculator can be added
as a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from ase import Atoms, units
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from alignn_ff.choices import KeyOf
from alignn_ff.trajectory.snapshot import Snapshot

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """One quantity that frames may hold.

    Attributes:
        help: what it is, with its unit.
        element: path in an H5MD file.
        unit: in the notation of H5MD.
        per_atom: whether the first axis runs over atoms.
        shape: of the value in H5MD, per atom or per structure.
        result: its name among the results of an ASE calculator; None if it is not a result.
        array: its name among the per-atom arrays of ASE's Atoms; None if it is not an array.
        value: snapshot → value in H5MD, NaN where it is missing; None takes the result as it is.
        restore: (atoms, value in H5MD) → what ASE calls ``result`` or ``array``; None takes the value as it is.
    """

    help: str
    element: str
    unit: str
    per_atom: bool
    shape: tuple[int, ...]
    result: str | None = None
    array: str | None = None
    value: Callable[[Snapshot], FloatArray] | None = None
    restore: Callable[[Atoms, FloatArray], FloatArray] | None = None

    def full_shape(self, n_atoms: int) -> tuple[int, ...]:
        """Shape of the value in H5MD."""
        return (n_atoms, *self.shape) if self.per_atom else self.shape

    def of(self, snapshot: Snapshot) -> FloatArray:
        """The value in H5MD; NaN where the calculator did not compute it."""
        if self.value is not None:
            return self.value(snapshot)
        found = None if self.result is None else results_of(snapshot.atoms).get(self.result)
        missing = np.full(self.full_shape(len(snapshot.atoms)), np.nan)
        return missing if found is None else np.asarray(found, dtype=np.float64)

    def put_into(self, atoms: Atoms, results: dict[str, Any], value: FloatArray) -> None:
        """Add a value from H5MD to the arrays of a structure, or to its results; a missing one is left out."""
        if not np.isfinite(value).all():
            return
        restored = value if self.restore is None else self.restore(atoms, value)
        if self.array is not None:
            atoms.set_array(self.array, restored)
        if self.result is not None:
            results[self.result] = restored


def results_of(atoms: Atoms) -> dict[str, Any]:
    """What the calculator of a structure has computed; empty without a calculator."""
    return {} if atoms.calc is None else dict(atoms.calc.results)


def _velocities(snapshot: Snapshot) -> FloatArray:
    return np.asarray(snapshot.atoms.get_velocities() * units.fs, dtype=np.float64)


def _momenta(atoms: Atoms, velocities: FloatArray) -> FloatArray:
    return np.asarray(velocities / units.fs * atoms.get_masses()[:, None], dtype=np.float64)


def _stress(snapshot: Snapshot) -> FloatArray:
    stress = results_of(snapshot.atoms).get("stress")
    return np.full((3, 3), np.nan) if stress is None else np.asarray(voigt_6_to_full_3x3_stress(stress))


QUANTITIES: Final[dict[str, Quantity]] = {
    "velocities": Quantity(
        "velocities (extended XYZ: momenta, amu·Å per ASE time; H5MD: Å/fs)",
        element="particles/all/velocity",
        unit="Angstrom fs-1",
        per_atom=True,
        shape=(3,),
        array="momenta",
        value=_velocities,
        restore=_momenta,
    ),
    "forces": Quantity(
        "forces without constraints, eV/Å",
        element="particles/all/force",
        unit="eV Angstrom-1",
        per_atom=True,
        shape=(3,),
        result="forces",
        value=lambda snapshot: snapshot.forces_eV_per_A,
    ),
    "stress": Quantity(
        "stress, eV/Å³, tension positive",
        element="observables/stress",
        unit="eV Angstrom-3",
        per_atom=False,
        shape=(3, 3),
        result="stress",
        value=_stress,
        restore=lambda _, stress: np.asarray(full_3x3_to_voigt_6_stress(stress)),
    ),
    "atomic_energies": Quantity(
        "energy per atom as the model divides it, eV",
        element="particles/all/potential_energy",
        unit="eV",
        per_atom=True,
        shape=(),
        result="energies",
    ),
}
"""Name → quantity."""

QuantityName = Annotated[str, KeyOf(QUANTITIES)]
