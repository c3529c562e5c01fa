"""Arrays that stay from one evaluation to the next.

A new array of gigabytes is paged in page by page, which took a quarter of an evaluation's time. So arrays are kept, by
the name of their role.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor


class Workspace:
    """Arrays by role; for one evaluation at a time."""

    def __init__(self) -> None:
        self._arrays: dict[str, Tensor] = {}

    def array(self, role: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """An array without initial values, in dtype and on device of ``like``; the last one of this role is lost."""
        n, array = math.prod(shape), self._arrays.get(role)
        if array is None or not n <= array.shape[0] <= 2 * n:
            self._arrays.pop(role, None)
            array = like.new_empty(n)
            if array.device.type == "cpu":
                self._arrays[role] = array
        return array[:n].view(shape)


class Workspaces:
    """Lends a workspace to each evaluation; those that run at the same time have one each."""

    def __init__(self) -> None:
        self._idle: list[Workspace] = []

    @contextmanager
    def lend(self) -> Iterator[Workspace]:
        """A workspace until the end of the block."""
        try:
            workspace = self._idle.pop()
        except IndexError:  # another thread could take the last one between a test and the pop
            workspace = Workspace()
        yield workspace
        self._idle.append(workspace)
