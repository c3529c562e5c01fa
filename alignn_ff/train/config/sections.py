"""What all sections of the training config share: frozen, closed, every field documented."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the training config.

    A field whose description ends in "(ours)" is an addition; "(published code)" is in the published package, but
    not in its reference; any other stands in that reference, with the same default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
