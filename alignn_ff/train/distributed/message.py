"""Messages that the first process of a run sends to the others: typed fields, as bytes on their way."""

from typing import Self

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Plain fields, checked when they are received. Floats keep every bit."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def to_bytes(self) -> bytes:
        """The message as it is sent."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The message as it was sent."""
        return cls.model_validate_json(content)


class Done(Message):
    """The first process has finished its part; the others may continue."""
