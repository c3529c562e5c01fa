"""What flights give: structures that are computed together and end one by one."""

from typing import Generic, NamedTuple, TypeVar

R = TypeVar("R", covariant=True)


class Landed(NamedTuple, Generic[R]):
    """A structure that ended.

    Attributes:
        key: that it was added with.
        result: or why there is none.
        seconds: its share of the time.
    """

    key: int
    result: R | Exception
    seconds: float
