"""What a user chooses for an export beside the target.

In: words of a user. Out: options that targets read.
"""

from typing import Final, NamedTuple

from alignn_ff.units import GPA_PER_EV_PER_A3

STRESS_UNITS: Final[dict[str, float]] = {"eV/A^3": 1.0, "GPa": GPA_PER_EV_PER_A3}
"""Unit of the stress that a file returns → its value per eV/Å³."""


class ExportOptions(NamedTuple):
    """What a target may read.

    Attributes:
        stress_unit: a key of :data:`STRESS_UNITS`.
        device: that machine code is made for, cpu or cuda.
    """

    stress_unit: str = "eV/A^3"
    device: str = "cpu"
