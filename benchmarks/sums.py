"""Sums of rows over neighbours: torch's embedding bags, index_add, scatter_add, and torch-scatter if it is installed.

    python benchmarks/sums.py --threads 1

Milliseconds of process time, the shortest of several rounds; all methods take turns. "by target": rows are in the order
of their segments. "by source": they are not, and methods that need the order gather them first.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from alignn_ff.nn import Segments, make_segments
from alignn_ff.nn.sums.summation import by_torch, torch_scatter_is_installed

CASES = ((140_000, 12_000, 128), (28_000, 1_000, 64), (12_000, 1_000, 128), (5_600, 200, 64))
"""Rows, segments, features: a line graph and a bond graph of the published config, two of a silicon model."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Sums of rows over neighbours by several methods.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for n, n_segments, width in CASES:
        for order in ("by target", "by source"):
            generator = torch.Generator().manual_seed(0)
            index = torch.randint(0, n_segments, (n,), generator=generator)
            index = index.sort().values if order == "by target" else index
            segments = make_segments(index, n_segments, ascending=order == "by target")
            found = least(ways(torch.randn(n, width, generator=generator), segments, order), arguments.rounds)
            print(f"{n:>7} × {width:<3} → {n_segments:<6} {order}", {name: f"{ms:.2f}" for name, ms in found.items()})


def ways(values: Tensor, segments: Segments, order: str) -> dict[str, Callable[[], Tensor]]:
    """Name → sum."""
    index, n_segments = segments.segment, segments.starts.shape[0]
    out = values.new_zeros(n_segments, values.shape[1])
    wide = index[:, None].expand(-1, values.shape[1])
    made: dict[str, Callable[[], Tensor]] = {
        "embedding bag (used)": lambda: by_torch(values, *segments),
        "index_add": lambda: torch.zeros_like(out).index_add_(0, index, values),
        "scatter_add": lambda: torch.zeros_like(out).scatter_add_(0, wide, values),
    }
    if torch_scatter_is_installed():
        import torch_scatter

        ends = torch.cat([segments.starts, torch.tensor([len(index)])])
        rows = (lambda: values) if order == "by target" else (lambda: values[segments.order])
        made |= {
            "torch_scatter.scatter": lambda: torch_scatter.scatter(values, index, 0, dim_size=n_segments),
            "torch_scatter.segment_csr": lambda: torch_scatter.segment_csr(rows(), ends),
        }
    return made


def least(made: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """Shortest time of each, ms."""
    times: dict[str, list[float]] = {name: [] for name in made}
    for function in made.values():
        function()
    for _ in range(rounds):
        for name, function in made.items():
            start = time.process_time()
            function()
            times[name].append(1e3 * (time.process_time() - start))
    return {name: min(each) for name, each in times.items()}


if __name__ == "__main__":
    main()
