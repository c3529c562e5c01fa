"""The ensembles: what is held, which integrator does it, what it conserves, and which structures it suits."""

from alignn_ff.md.ensembles.stage import Stage
from alignn_ff.md.ensembles.table import ENSEMBLES, Ensemble

__all__ = ["ENSEMBLES", "Ensemble", "Stage"]
