"""Batches in a given order, made ahead of the step by threads.

In: samples by index, in memory or in a cache, and which of them make each batch. Out: the batches, the same and in the
same order with any number of threads. Threads and not processes, since reading and decoding a sample takes tens
of microseconds, less than handing its tensors from one process to another.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import torch

from alignn_ff.train.records.batches import Sample, empty_like, join

BATCHES_AHEAD: Final = 2
"""Batches for each thread that wait, or are being made."""


class Loader:
    """Makes batches.

    Args:
        n_threads: that make batches ahead; 0 makes each on demand.
        pin_memory: put batches into pinned memory, where there is a GPU.
    """

    def __init__(self, *, n_threads: int, pin_memory: bool = False) -> None:
        self.n_threads = n_threads
        self.pin_memory = pin_memory and torch.cuda.is_available()

    def batches(self, samples: Sequence[Sample], order: Sequence[Sequence[int]]) -> Iterator[Sample]:
        """The batches of an order.

        Args:
            samples: by index.
            order: indices of the samples of each batch; one without any gives a batch of no structures.
        """
        if self.n_threads == 0:
            return (self._batch(samples, indices) for indices in order)
        return self._made_ahead(samples, order)

    def _made_ahead(self, samples: Sequence[Sample], order: Sequence[Sequence[int]]) -> Iterator[Sample]:
        waiting: deque[Future[Sample]] = deque()
        pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="loader")
        try:
            for indices in order:
                waiting.append(pool.submit(self._batch, samples, indices))
                if len(waiting) > BATCHES_AHEAD * self.n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _batch(self, samples: Sequence[Sample], indices: Sequence[int]) -> Sample:
        batch = join([samples[i] for i in indices]) if indices else empty_like(samples[0])
        return batch.pinned() if self.pin_memory else batch
