"""The physics contract, for tests of a new family of models or of another potential.

A test class inherits the contract and brings a fixture ``potential``:

>>> class TestMine(PhysicsContract):
...     @pytest.fixture
...     def potential(self):
...         return load_potential("my-model", device="cpu", dtype="float64")

``PotentialContract`` leaves out the laws of smooth energies; ``CalculatorContract`` is for any ASE calculator. None of
them needs pytest to be imported; ``broken_laws(PhysicsContract(), potential)`` checks all laws without it. Strategies
for hypothesis are in ``alignn_ff.testing.random_structures``, which needs that package.
"""

from alignn_ff.testing.cases import Broken, Contract, broken_laws, for_each, laws
from alignn_ff.testing.contract import (
    CalculatorContract,
    GeometryLaws,
    PhysicsContract,
    PotentialContract,
    assert_closing,
)
from alignn_ff.testing.differences import (
    Sides,
    approach,
    energies,
    energy_forces_slope,
    forces_by_differences,
    hessian,
    hessian_by_differences,
    stress_by_differences,
)
from alignn_ff.testing.law import (
    TOLERANCES,
    Curve,
    DoesNotApplyError,
    Effort,
    Figure,
    Law,
    Measured,
    Setting,
    Tolerances,
    natural_scale,
)
from alignn_ff.testing.scans import Jump, Place, Scan, bent_chain, crossing_atom, scan
from alignn_ff.testing.structures import BOND_A, NAMES, PERIODIC, WITH_VOLUME, WITHOUT_VOLUME, structure
from alignn_ff.testing.subjects import CalculatorSubject, PotentialSubject, Results, Subject
from alignn_ff.testing.table import LAWS

__all__ = [
    "BOND_A",
    "LAWS",
    "NAMES",
    "PERIODIC",
    "TOLERANCES",
    "WITHOUT_VOLUME",
    "WITH_VOLUME",
    "Broken",
    "CalculatorContract",
    "CalculatorSubject",
    "Contract",
    "Curve",
    "DoesNotApplyError",
    "Effort",
    "Figure",
    "GeometryLaws",
    "Jump",
    "Law",
    "Measured",
    "PhysicsContract",
    "Place",
    "PotentialContract",
    "PotentialSubject",
    "Results",
    "Scan",
    "Setting",
    "Sides",
    "Subject",
    "Tolerances",
    "approach",
    "assert_closing",
    "bent_chain",
    "broken_laws",
    "crossing_atom",
    "energies",
    "energy_forces_slope",
    "for_each",
    "forces_by_differences",
    "hessian",
    "hessian_by_differences",
    "laws",
    "natural_scale",
    "scan",
    "stress_by_differences",
    "structure",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
