"""Operations on arrays of fixed sizes, recorded once on a GPU and replayed from then on.

On CUDA devices a replay (a CUDA graph) costs the host one call, whatever the number of operations: for structures of
some hundred atoms the host would need longer to ask for the operations than the device to do them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor

WARM_UPS: Final = 2
"""Runs before a recording: they compile kernels and ask for memory, which a recording cannot do."""


class Replay:
    """A function from one array to another, whose operations and shapes do not depend on the numbers in the array.

    On devices that are not CUDA it is called as it is.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], n_inputs: int, device: torch.device) -> None:
        self._function = function
        self._input = torch.zeros(n_inputs, dtype=torch.float64, device=device)
        self._recording: torch.cuda.CUDAGraph | None = None
        self._output = self._input

    def __call__(self, numbers: Tensor) -> Tensor:
        """The result, on the device; the next call may overwrite it.

        Args:
            numbers: (n_inputs,) float64, on the host.
        """
        self._input.copy_(numbers)
        if self._input.device.type != "cuda":
            return self._function(self._input)
        if self._recording is None:
            self._record()
        assert self._recording is not None
        self._recording.replay()
        return self._output

    def _record(self) -> None:
        with torch.cuda.device(self._input.device):
            with _beside():
                for _ in range(WARM_UPS):
                    self._function(self._input)
            recording = torch.cuda.CUDAGraph()
            with torch.cuda.graph(recording):
                self._output = self._function(self._input)
        self._recording = recording


class GraphPool:
    """Memory that several recordings use in turn, none of which leaves there what is read later.

    Args:
        device: of the recordings.
    """

    def __init__(self, device: torch.device) -> None:
        self.handle = torch.cuda.graph_pool_handle() if device.type == "cuda" else None


class Repeat:
    """A function that changes arrays in place, and whose operations and shapes do not depend on their numbers.

    On devices that are not CUDA it is called as it is. On CUDA the first calls are warm-ups, then it is recorded.

    Args:
        function: changes arrays that are older than the recording.
        device: where it does so.
        pool: memory of the recording; None: its own.
    """

    def __init__(self, function: Callable[[], None], device: torch.device, pool: GraphPool | None = None) -> None:
        self._function, self._device = function, device
        self._pool = None if pool is None else pool.handle
        self._n_calls = 0
        self._recording: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Call it; does not wait for the device."""
        if self._device.type != "cuda":
            self._function()
            return
        self._n_calls += 1
        with torch.cuda.device(self._device):
            if self._n_calls <= WARM_UPS:
                with _beside():
                    self._function()
                return
            if self._recording is None:
                recording = torch.cuda.CUDAGraph()
                with torch.cuda.graph(recording, pool=self._pool):  # nothing is computed here
                    self._function()
                self._recording = recording
            self._recording.replay()


@contextmanager
def _beside() -> Iterator[None]:
    """A stream beside the present one, which waits for it before and after."""
    beside, present = torch.cuda.Stream(), torch.cuda.current_stream()
    beside.wait_stream(present)
    with torch.cuda.stream(beside):
        yield
    present.wait_stream(beside)
