"""The process that proves a file: it reads the file as any host would, and evaluates it.

    python -m alignn_ff.export.door MODULE:FUNCTION FILE INPUTS OUTPUTS NETWORK ...

In: an exported file and structures with their edges. Out: what the file makes of them. The process that wrote the file
compares; nothing of its memory is here.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff.io.tensors import write_tensors

AS_WRITTEN: Final = "as written"
WIDENED: Final = "float64"
"""The network of a file in its own dtype, and widened to float64."""
REPEATS: Final = 3
"""Each structure is evaluated several times: compilers of graphs change the code after the first ones."""


class Input(NamedTuple):
    """One structure as a host holds it.

    Attributes:
        positions: (n_atoms, 3) float64, Å.
        cell: (3, 3) float64, Å.
        numbers: (n_atoms,) int64.
        src, dst: (n_edges,) int64, in the package's canonical order.
        shift: (n_edges, 3) int32.
    """

    positions: Tensor
    cell: Tensor
    numbers: Tensor
    src: Tensor
    dst: Tensor
    shift: Tensor


class Output(NamedTuple):
    """What a file makes of a structure: eV, eV/Å, and stress in the unit of the file."""

    energy: Tensor
    atomic_energy: Tensor
    forces: Tensor
    stress: Tensor


Door = Callable[[Path, list[Input], bool], list[Output]]
"""(file, structures, whether the network is widened to float64 first) → one output per structure."""


def find(name: str) -> Door:
    """The function that "module:function" names."""
    module, _, function = name.partition(":")
    door: Door = getattr(import_module(module), function)
    return door


def main(arguments: list[str]) -> None:
    """Evaluate all structures with each of the networks: "as written", or "float64", to which it is widened."""
    name, file, inputs, outputs, *networks = arguments
    torch.set_num_threads(1)
    door = find(name)
    structures = [Input(*fields) for fields in torch.load(inputs, weights_only=True)]
    found = {}
    for network in networks:
        widened = network == WIDENED
        repeated = [output for _ in range(REPEATS) for output in door(Path(file), structures, widened)]
        found[network] = [tuple(output) for output in repeated]
    write_tensors(Path(outputs), found)


if __name__ == "__main__":
    main(sys.argv[1:])
