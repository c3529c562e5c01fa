"""The limits at which guards stop a run, each with its unit; None switches a guard off."""

from typing import Annotated

from pydantic import Field

from alignn_ff.runs.config import RunConfig

Positive = Annotated[float, Field(gt=0)]


class GuardLimits(RunConfig):
    """Limits at which a run stops, because further steps would give wrong results. NaN and infinity always stop it."""

    max_temperature_K: Positive | None = Field(
        10_000.0, description="highest kinetic temperature, K, or ten times the highest target if that is more"
    )
    max_drift_meV_per_atom_per_ps: Positive | None = Field(
        20.0,
        description="largest drift of the conserved quantity, meV/atom/ps, over windows of 1 to 10 ps",
    )
    min_distance_fraction: Positive | None = Field(
        0.9, description="shortest distance of two atoms, as a fraction of the shortest distance in the training data"
    )
    min_distance_A: Positive | None = Field(None, description="shortest distance of any two atoms, Å")
    max_escape_A: Positive | None = Field(
        10.0,
        description="largest distance of atoms beyond the starting structure along directions without period, Å",
    )
    max_cell_ratio: Annotated[float, Field(gt=1)] | None = Field(
        2.0, description="largest factor by which volume and heights of the cell may shrink or grow"
    )
    max_outside: Positive | None = Field(
        1.0,
        description="largest distance of energy and volume from those of the training data, in units of their margins",
    )
    max_uncertainty: Positive | None = Field(
        None,
        description="largest standard deviation: of a committee that of a force, eV/Å, of one model with a last layer "
        "that of an atom's energy, eV",
    )
    uncertainty_every: int = Field(10, ge=1, description="steps between evaluations of the uncertainty")
    distances_every: int = Field(10, ge=1, description="steps between checks of the distances")
    further: dict[str, float | None] = Field(
        {}, description="limits of guards that were added to the table, by name; None switches one off"
    )
