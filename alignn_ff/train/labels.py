"""Every kind of label, one row each: its prediction, its weight, its units, its names in files and figures.

Loss, validation, metrics, predictions, statistics, figures and readers of data iterate over this table. The labels of
the first six rows are fields of ``Record``. A row added to ``LABELS`` is read under its usual names, kept in
``Record.further``, and learned, validated and reported like the others.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from torch import Tensor

from alignn_ff.models import ModelConfig
from alignn_ff.train.model_outputs import ModelOutputs
from alignn_ff.units import GPA_PER_EV_PER_A3, MEV_PER_EV

Rows = Literal["structure", "atom"]
Output = Callable[[ModelOutputs], Tensor | None]


def as_it_is(_n_atoms: Tensor) -> float:
    """Compared in the unit of the data."""
    return 1.0


class Label(NamedTuple):
    """One kind of label.

    Attributes:
        rows: whether there is one row per structure or one row per atom.
        predicted: what the loss compares with the label; None where the model has no such output.
        weight: weight in the loss; 0 where the model has no such output.
        weight_field: field of the model's config that holds the weight, for messages.
        title: its name in files, with the unit.
        axis: its name in figures, with the unit.
        curve: name of its error in the learning curve.
        error: name of a mean error in tables, with its unit; {} is MAE or RMSE.
        error_unit: the unit of that error.
        error_scale: factor from compared numbers to that unit.
        row_shape: shape of one row; None: a vector as long as the data have it, the same in all records.
        width: length of that vector in the model; 0: the model has no such output, or follows the data.
        width_field: field of the model's config that holds this length, for messages.
        reported: what metrics compare with the label; None: the same as ``predicted``.
        unit: factor from labels and predictions to the compared numbers, from the number of atoms of each structure.
        graph_level: whether ``late_energy_factor`` and ``normalize_graph_level_loss`` act on it.
        is_derivative: whether it needs forces or stress of the model.
        usual_names: names in data sets that are tried, in this order, where the config gives none.
    """

    rows: Rows
    predicted: Output
    weight: Callable[[ModelConfig], float]
    weight_field: str
    title: str
    axis: str
    curve: str
    error: str
    error_unit: str = ""
    error_scale: float = 1.0
    row_shape: tuple[int, ...] | None = None
    width: Callable[[ModelConfig], int] = lambda _model: 0
    width_field: str = ""
    reported: Output | None = None
    unit: Callable[[Tensor], Tensor | float] = as_it_is
    graph_level: bool = False
    is_derivative: bool = False
    usual_names: tuple[str, ...] = ()

    def reported_by(self, outputs: ModelOutputs) -> Tensor | None:
        """What metrics compare with the label."""
        return (self.reported or self.predicted)(outputs)


def _per_atom(n_atoms: Tensor) -> Tensor:
    return 1.0 / n_atoms.double()


def _in_gpa(_n_atoms: Tensor) -> float:
    return GPA_PER_EV_PER_A3


def _weight_of(kind: str) -> Callable[[ModelConfig], float]:
    """The weight of an output that a config declares, 0 where it has none."""
    return lambda model: model.outputs.weights.get(kind, 0.0)


LABELS: Final[dict[str, Label]] = {
    "energy": Label(
        rows="structure",
        row_shape=(),
        predicted=lambda outputs: outputs.energy,
        weight=_weight_of("energy"),
        weight_field="graphwise_weight",
        unit=_per_atom,
        graph_level=True,
        title="energy_eV_per_atom",
        axis="energy (eV/atom)",
        curve="energy MAE (meV/atom)",
        error="energy_{}_meV_per_atom",
        error_unit="meV/atom",
        error_scale=MEV_PER_EV,
    ),
    "forces": Label(
        rows="atom",
        row_shape=(3,),
        predicted=lambda outputs: outputs.forces,
        weight=_weight_of("forces"),
        weight_field="gradwise_weight",
        is_derivative=True,
        title="forces_eV_per_A",
        axis="force component (eV/Å)",
        curve="force MAE (eV/Å)",
        error="force_{}_eV_per_A",
        error_unit="eV/Å",
        usual_names=("forces",),
    ),
    "stress": Label(
        rows="structure",
        row_shape=(3, 3),
        predicted=lambda outputs: outputs.stress,
        weight=_weight_of("stress"),
        weight_field="stresswise_weight",
        unit=_in_gpa,
        is_derivative=True,
        title="stress_GPa",
        axis="stress component (GPa)",
        curve="stress MAE (GPa)",
        error="stress_{}_GPa",
        error_unit="GPa",
        usual_names=("stresses", "stress"),
    ),
    "target": Label(
        rows="structure",
        predicted=lambda outputs: outputs.target,
        reported=lambda outputs: outputs.reported,
        weight=_weight_of("target"),
        weight_field="graphwise_weight",
        width=lambda model: model.outputs.n_target,
        width_field="output_features",
        graph_level=True,
        title="target",
        axis="target",
        curve="target MAE",
        error="target_{}",
        usual_names=("total_energy", "target"),
    ),
    "atomwise": Label(
        rows="atom",
        predicted=lambda outputs: outputs.atomwise,
        weight=_weight_of("atomwise"),
        weight_field="atomwise_weight",
        width=lambda model: model.outputs.n_atomwise,
        width_field="atomwise_output_features",
        title="atomwise",
        axis="value per atom",
        curve="MAE of the values per atom",
        error="atomwise_{}",
        usual_names=("atomwise_target", "atomwise"),
    ),
    "additional": Label(
        rows="structure",
        predicted=lambda outputs: outputs.additional,
        weight=_weight_of("additional"),
        weight_field="additional_output_weight",
        width=lambda model: model.outputs.n_additional,
        width_field="additional_output_features",
        title="additional",
        axis="further output",
        curve="MAE of the further outputs",
        error="additional_{}",
        usual_names=("additional_output", "additional"),
    ),
}
"""Kind of label → its row, in the order of the sums and counts of the loss."""


def properties() -> list[str]:
    """Kinds whose width follows from the data: all but energy, forces and stress."""
    return [kind for kind, row in LABELS.items() if row.row_shape is None]
