"""Which kinds of files a force field can be exported to: one table, name → how it is written and read back.

A target from outside the package is one more row of :data:`TARGETS`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from alignn_ff.export.options import ExportOptions

if TYPE_CHECKING:
    from alignn_ff.potential import Potential


class Beside(NamedTuple):
    """Files that are written beside an exported file.

    Attributes:
        paths: exported file → the files.
        write: (potential, exported file) writes them.
    """

    paths: Callable[[Path], tuple[Path, ...]]
    write: "Callable[[Potential, Path], None]"


class Target(NamedTuple):
    """One kind of file.

    Attributes:
        help: what it is, in a few words.
        suffix: of the file.
        write: (potential, path, options) writes the file; the potential is on the CPU, in the dtype of the file.
        door: "module:function", the function that a new process reads the file with; see ``alignn_ff.export.door``.
        record: (path, text) adds the record of the comparison to the file.
        refusal: potential → why it cannot be exported, None where it can.
        reads: names of the fields of :class:`ExportOptions` that it reads.
        widened_tolerance: allowed difference of a file in float32 whose network is widened to float64; larger than that
            of float64 where the file holds products of weights, which are rounded once more. None: no file is widened.
        beside: further files, once the file is proven.
    """

    help: str
    suffix: str
    write: "Callable[[Potential, Path, ExportOptions], None]"
    door: str
    record: Callable[[Path, str], None]
    refusal: "Callable[[Potential], str | None]"
    reads: tuple[str, ...] = ()
    widened_tolerance: float | None = 1e-10
    beside: Beside | None = None


def _write_torchscript(potential: "Potential", path: Path, options: ExportOptions) -> None:
    from alignn_ff.export.torchscript.file import write

    write(potential, path, options)


def _record_in_torchscript(path: Path, text: str) -> None:
    from alignn_ff.export.torchscript.file import record

    record(path, text)


def _torchscript_refusal(potential: "Potential") -> str | None:
    from alignn_ff.export.torchscript.networks import scripted_refusal

    return scripted_refusal(potential.header.model.name)


def _lammps_torch_refusal(potential: "Potential") -> str | None:
    from alignn_ff.export.torchscript.host import domain_refusal

    return domain_refusal(potential)


def _write_for_lammps(potential: "Potential", path: Path, options: ExportOptions) -> None:
    from alignn_ff.export.lammps.file import write

    write(potential, path, options)


def _record_for_lammps(path: Path, text: str) -> None:
    from alignn_ff.export.lammps.file import record

    record(path, text)


def _lammps_refusal(potential: "Potential") -> str | None:
    from alignn_ff.export.lammps.file import refusal

    return refusal(potential)


def _write_metatomic(potential: "Potential", path: Path, options: ExportOptions) -> None:
    from alignn_ff.export.metatomic.file import write

    write(potential, path, options)


def _metatomic_refusal(potential: "Potential") -> str | None:
    from importlib.util import find_spec

    if find_spec("metatomic") is None:
        return "metatomic is not installed; `pip install 'alignn-ff[metatomic]'`"
    return _lammps_torch_refusal(potential)


def _write_aoti(potential: "Potential", path: Path, options: ExportOptions) -> None:
    from alignn_ff.export.aoti.file import write

    write(potential, path, options)


def _aoti_refusal(potential: "Potential") -> str | None:
    from alignn_ff.export.aoti.machine import torch_refusal

    return torch_refusal() or _torchscript_refusal(potential)


def _example_files(path: Path) -> tuple[Path, ...]:
    from alignn_ff.export.lammps.example import example_files

    return example_files(path)


def _example(style: str) -> Beside:
    """Input, data and reference numbers for LAMMPS with a pair style."""

    def write(potential: "Potential", path: Path) -> None:
        from alignn_ff.export.lammps.example import write_example

        write_example(potential, path, style)

    return Beside(_example_files, write)


_TORCHSCRIPT: Final = Target(
    help="a .pt file for libtorch, from C++ or Python",
    suffix=".pt",
    write=_write_torchscript,
    door="alignn_ff.export.torchscript.file:evaluate",
    record=_record_in_torchscript,
    refusal=_torchscript_refusal,
    reads=("stress_unit",),
)

TARGETS: Final[dict[str, Target]] = {
    "torchscript": _TORCHSCRIPT,
    "lammps": Target(
        help="a file for pair_style alignn of LAMMPS, on the C++ kernels; alignn_smooth and published force fields",
        suffix=".alignn",
        write=_write_for_lammps,
        door="alignn_ff.export.lammps.file:evaluate",
        record=_record_for_lammps,
        refusal=_lammps_refusal,
        widened_tolerance=1e-5,
        beside=_example("alignn"),
    ),
    "lammps-torch": _TORCHSCRIPT._replace(
        help="a .pt file for pair_style alignn/torch of LAMMPS, on libtorch; all force fields on complete graphs",
        suffix=".lammps.pt",
        refusal=_lammps_torch_refusal,
        reads=(),
        beside=_example("alignn/torch"),
    ),
    "metatomic": Target(
        help="a .pt file for programs with metatomic: LAMMPS, i-PI, ASE, GROMACS",
        suffix=".metatomic.pt",
        write=_write_metatomic,
        door="alignn_ff.export.metatomic.file:evaluate",
        record=_record_in_torchscript,
        refusal=_metatomic_refusal,
    ),
    "aoti": Target(
        help="a .pt2 file with machine code for processors and torch as here, by AOTInductor; minutes to compile",
        suffix=".pt2",
        write=_write_aoti,
        door="alignn_ff.export.aoti.file:evaluate",
        record=_record_in_torchscript,
        refusal=_aoti_refusal,
        reads=("stress_unit", "device"),
        widened_tolerance=None,
    ),
}
"""Name → target."""
