"""What can be learned, a row each: where its label and prediction stand, its weight, its units.

Everything that goes over kinds of labels (loss, validation, metrics, predictions) goes over this table.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from torch import Tensor

from alignn_ff.units import GPA_PER_EV_PER_A3, MEV_PER_EV


class Part(NamedTuple):
    """One kind of label.

    Attributes:
        name: field of ``Targets`` and ``ModelOutputs``; its mask is the field has_<name>.
        weight: field of the model's config.
        rows: whether it has a row a structure, or a row an atom.
        unit: what labels and predictions are multiplied by before they are compared, from the structures' n_atoms.
        error: name of a mean error in tables, with its unit; {} is MAE or RMSE.
        error_scale: from compared numbers to that unit.
        graph_level: whether ``graphwise_weight`` and ``normalize_graph_level_loss`` are about it.
    """

    name: str
    weight: str
    rows: Literal["structure", "atom"]
    unit: Callable[[Tensor], Tensor | float]
    error: str
    error_scale: float = 1.0
    graph_level: bool = False


def _per_atom(n_atoms: Tensor) -> Tensor:
    return 1.0 / n_atoms.double()


def _as_it_is(_n_atoms: Tensor) -> float:
    return 1.0


def _in_gpa(_n_atoms: Tensor) -> float:
    return GPA_PER_EV_PER_A3


PARTS: Final = (
    Part("energy", "graphwise_weight", "structure", _per_atom, "energy_{}_meV_per_atom", MEV_PER_EV, graph_level=True),
    Part("forces", "gradwise_weight", "atom", _as_it_is, "force_{}_eV_per_A"),
    Part("stress", "stresswise_weight", "structure", _in_gpa, "stress_{}_GPa"),
    Part("target", "graphwise_weight", "structure", _as_it_is, "target_{}", graph_level=True),
    Part("atomwise", "atomwise_weight", "atom", _as_it_is, "atomwise_{}"),
    Part("additional", "additional_output_weight", "structure", _as_it_is, "additional_{}"),
)
"""In the order in which sums and counts of the loss stand."""

NAMES: Final = tuple(part.name for part in PARTS)
