"""Config fields of the energy floor: generated structures whose energy must not fall below what the data allow."""

from typing import Literal

from pydantic import Field

from alignn_ff.train.config.sections import Section


class FloorFields(Section):
    """Energy floor."""

    floor_structures: int = Field(
        0,
        ge=0,
        description="lattices, random cells and clusters generated from the elements of the data, from 0.4 to 2 times "
        "their volume, whose energy is learned to lie above a floor that follows from the data; 0 is off (ours)",
    )
    floor_data: str | None = Field(
        None, description="further structures that are learned to lie above the floor, without labels (ours)"
    )
    floor_labels: Literal["bound", "start"] = Field(
        "bound",
        description="bound: the floor is a lower bound; start: the structures stay within 0.3 eV/atom of the energies "
        "of the model that the run starts from, where these are plausible, so that narrow data do not make it unlearn "
        "the rest (ours)",
    )
    floor_batch_size: int = Field(8, ge=1, description="structures of the floor in each step (ours)")
    floor_weight: float = Field(
        1.0, gt=0, description="weight of the floor in the loss, as a multiple of graphwise_weight (ours)"
    )

    @property
    def has_floor(self) -> bool:
        """Whether there are structures that are held above a floor."""
        return self.floor_structures > 0 or self.floor_data is not None
