"""The table of all laws. Contracts of pytest and ``alignn-ff check`` read their laws from it."""

from typing import Final

from alignn_ff.testing.law import Law
from alignn_ff.testing.physics.conservation import CONSERVATION, DYNAMICS
from alignn_ff.testing.physics.derivatives import DERIVATIVES
from alignn_ff.testing.physics.execution import EXECUTION
from alignn_ff.testing.physics.judgements import JUDGEMENTS
from alignn_ff.testing.physics.potentials import POTENTIALS
from alignn_ff.testing.physics.smoothness import SMOOTHNESS
from alignn_ff.testing.physics.symmetries import SYMMETRIES

LAWS: Final[dict[str, Law]] = {
    **DERIVATIVES,
    **SYMMETRIES,
    **CONSERVATION,
    **POTENTIALS,
    **EXECUTION,
    **SMOOTHNESS,
    **DYNAMICS,
    **JUDGEMENTS,
}
"""Name → law. A row that is added before a contract class is defined is a test of this class."""
