"""Files of the target ``lammps``: written here, read by ``native/source/deployed/model_file.h``.

A header of lines "key value", the word "data", little-endian numbers, and a line with the record of the comparison.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

from alignn_ff import __version__
from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.errors import CheckpointError, KernelError
from alignn_ff.export.door import Input, Output
from alignn_ff.export.lammps.published import published_header, published_numbers, published_refusal
from alignn_ff.export.lammps.smooth import smooth_header, smooth_numbers, smooth_refusal
from alignn_ff.export.options import ExportOptions
from alignn_ff.models import AlignnSmooth
from alignn_ff.native import find_kernels
from alignn_ff.potential import Potential

FORMAT: Final = "alignn-ff lammps"
VERSION: Final = 1
"""Of files without bounds of the energy; those with bounds are of the next version, which older programs refuse."""
PROOF: Final = "proof"
LONGEST_MESSAGE: Final = 1000
"""Bytes of a message of the kernels."""


def refusal(potential: Potential) -> str | None:
    """Why a model has no file of this kind, None where it has one."""
    model = potential.model
    if isinstance(model, AlignnSmooth):
        return smooth_refusal(model)
    reason = published_refusal(model)
    if reason is None:
        return None
    return (
        f"pair_style alignn runs the family alignn_smooth and some published force fields, and for this model of the "
        f"family {potential.header.model.name} {reason}; export it with --to lammps-torch, for pair_style alignn/torch"
    )


def write(potential: Potential, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - as for all targets
    """Write a model with everything that the pair style needs.

    Args:
        potential: on the CPU, in the dtype of the file.
        path: of the file.
        options: none is read.
    """
    model: Any = potential.model
    smooth = isinstance(model, AlignnSmooth)
    numbers = smooth_numbers(model) if smooth else published_numbers(model)
    entries = smooth_header(model) if smooth else published_header(model)
    data = b"".join(_bytes(values) for values in numbers)
    header = {**_header(potential), **entries, "n_weights": numbers[-1].numel(), **_model_header(potential)}
    lines = [FORMAT, *(f"{key} {value}" for key, value in header.items())]
    lines += [f"sha256 {hashlib.sha256(data).hexdigest()}", "data"]
    path.write_bytes("\n".join(lines).encode() + b"\n" + data)


def record(path: Path, text: str) -> None:
    """Add the record of the comparison at the end; the numbers before it stay as they are."""
    with path.open("ab") as file:
        file.write(f"\n{PROOF} {text}\n".encode())


def read_header(path: Path) -> dict[str, str]:
    """The header of a file; the entry "proof" is its record, "" if it has none.

    Raises:
        CheckpointError: it is no file of this kind.
    """
    content = path.read_bytes()
    if not content.startswith(f"{FORMAT}\n".encode()) or b"\ndata\n" not in content:
        raise CheckpointError(f"{path} is not a file of `alignn-ff export --to lammps`")
    head, _, rest = content.partition(b"\ndata\n")
    header = dict(line.split(" ", 1) for line in head.decode().splitlines()[1:])
    mark = f"\n{PROOF} ".encode()
    proof = rest.rpartition(mark)[2].decode().strip() if mark in rest else ""
    return {**header, PROOF: proof}


def evaluate(path: Path, inputs: list[Input], widened: bool) -> list[Output]:
    """Read a file with the C++ reader and evaluate structures; see ``alignn_ff.export.door``."""
    return [_evaluate(path, item, widened) for item in inputs]


def _evaluate(path: Path, item: Input, widened: bool) -> Output:
    x, n_atoms, n_edges = item.positions, item.positions.shape[0], item.src.shape[0]
    vectors = (x[item.dst] - x[item.src] + item.shift.double() @ item.cell).contiguous()
    energies, gradient = x.new_zeros(n_atoms), torch.zeros_like(vectors)
    name = torch.frombuffer(bytearray(str(path).encode() + b"\0"), dtype=torch.uint8)
    message = torch.zeros(LONGEST_MESSAGE, dtype=torch.uint8)

    def refused() -> CheckpointError | KernelError:
        return CheckpointError(bytes(message.tolist()).partition(b"\0")[0].decode(errors="replace"))

    find_kernels().call(
        "deployed",
        torch.float64,
        *(name, int(widened), n_atoms, n_atoms, item.numbers, n_edges, item.src, item.dst, item.shift, vectors),
        *(1, energies, gradient, message, LONGEST_MESSAGE),
        refusal=refused,
    )
    forces = torch.zeros_like(x).index_add(0, item.src, gradient).index_add(0, item.dst, -gradient)
    virial, volume = vectors.T @ gradient, torch.linalg.det(item.cell).abs()
    stress = 0.5 * (virial + virial.T) / volume
    if float(volume) < SMALLEST_VOLUME_A3:
        stress = torch.full_like(stress, float("nan"))
    return Output(energies.sum(), energies, forces, stress)


def _header(potential: Potential) -> dict[str, object]:
    model: Any = potential.model
    return {
        "format_version": VERSION,
        "model": " ".join(potential.name.split()),
        "written_by": f"alignn-ff {__version__}",
        "dtype": str(potential.dtype).removeprefix("torch."),
        "units": "metal",
        "elements": " ".join(chemical_symbols[z] for z in model.elements),
        "atomic_numbers": " ".join(map(str, model.elements)),
        "scale": repr(float(model.scale)),
    }


def _model_header(potential: Potential) -> dict[str, object]:
    return {"header": json.dumps(potential.header.model_dump(mode="json"), allow_nan=False)}


def _bytes(values: Tensor) -> bytes:
    array = values.detach().contiguous().numpy()
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
