"""What a user chooses for the analysis of a trajectory: the observables, and how they are computed."""

from pydantic import Field

from alignn_ff.analysis.settings import ObservableSettings
from alignn_ff.analysis.table import OBSERVABLES, ObservableName


class AnalysisConfig(ObservableSettings):
    """What is computed from a trajectory, and how."""

    observables: tuple[ObservableName, ...] = Field(
        default_factory=lambda: tuple(OBSERVABLES),
        min_length=1,
        description="what is computed; without a choice, all that is possible",
    )
