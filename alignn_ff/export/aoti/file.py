"""Files of the target ``aoti``: compiled, marked with the machine that they fit to, and read back.

``extra/alignn_ff.json`` in the archive holds the header of the model, dtype, unit of the stress, versions and the
machine; ``extra/alignn_ff_proof.json`` holds how closely the file agrees with the eager model. Both are read before any
code is loaded.
"""

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from alignn_ff.errors import CheckpointError, CompilerError, ConfigError, ElementNotCoveredError
from alignn_ff.export.aoti.machine import device_refusal, machine_record, misfit
from alignn_ff.export.aoti.tracing import OUTPUTS, exported_program
from alignn_ff.export.door import Input, Output
from alignn_ff.export.options import STRESS_UNITS, ExportOptions
from alignn_ff.export.torchscript.file import ABOUT, PROOF, add_entry, told
from alignn_ff.native.build import find_compiler
from alignn_ff.potential import Potential

FORMAT: Final = "alignn-ff aoti"
VERSION: Final = 1
SUFFIX: Final = ".pt2"
INDUCTOR: Final[dict[str, Any]] = {"cpp.dynamic_threads": True}
"""Options of the compiler: threads are those of the host, not those of the machine that made the file."""


class Compiled:
    """A force field in machine code.

    Attributes:
        about: what the file holds beside the code; "proof" is None if it has none.
    """

    def __init__(self, about: dict[str, Any], run: Any) -> None:
        """Hold what :func:`read` returns."""
        self.about = about
        self._run = run

    def __call__(
        self, positions: Tensor, lattice: Tensor, atomic_numbers: Tensor, src: Tensor, dst: Tensor, shift: Tensor
    ) -> dict[str, Tensor]:
        """Energy, atomic energies, forces and stress of one structure, as the target torchscript returns them.

        Args:
            positions: (n_atoms, 3) Å.
            lattice: (3, 3) Å, rows are lattice vectors.
            atomic_numbers: (n_atoms,) integers.
            src, dst: (n_edges,) integers, both directions of each bond.
            shift: (n_edges, 3) lattice translations, r = x[dst] + shift·lattice − x[src].

        Raises:
            ElementNotCoveredError: the model lacks an element of the structure.
        """
        covered = self.about["header"]["elements"]
        lacking = sorted(set(atomic_numbers.tolist()) - set(covered))
        if lacking:
            raise ElementNotCoveredError(
                f"the file of {self.about['model']} does not cover the atomic numbers {lacking}; it covers {covered}"
            )
        device = torch.device(self.about["machine"]["device"])
        geometry = (positions.to(device, torch.float64), lattice.to(device, torch.float64))
        integers = (values.to(device, torch.int64) for values in (atomic_numbers, src, dst, shift))
        with torch.no_grad():
            found = self._run(*(values.contiguous() for values in (*geometry, *integers)))
        return dict(zip(OUTPUTS, found, strict=True))


def write(potential: Potential, path: Path, options: ExportOptions) -> None:
    """Compile a model for this machine and save it, with everything about it.

    Args:
        potential: on the CPU, in the dtype of the file.
        path: of the file, which ends in .pt2.
        options: the device and the unit of the stress are read.

    Raises:
        ConfigError: another ending, or the device is not here.
        CompilerError: there is no C++ compiler, or it failed.
    """
    refused = device_refusal(options.device)
    if refused is not None:
        raise ConfigError(refused)
    if path.suffix != SUFFIX:
        raise ConfigError(
            f"the name of the file ends in {path.suffix!r}; torch loads compiled models from {SUFFIX} only"
        )
    if find_compiler() is None:
        raise CompilerError(
            "there is no C++ compiler (c++, g++ or clang++ on the PATH), and AOTInductor needs one; install one, "
            "e.g. g++"
        )
    about = {"format": FORMAT, "version": VERSION, **told(potential, options)}
    about["machine"] = machine_record(options.device)
    path.write_bytes(_compiled(potential, options))
    add_entry(path, ABOUT, json.dumps(about))


def _compiled(potential: Potential, options: ExportOptions) -> bytes:
    """The archive of torch."""
    from torch._inductor import aoti_compile_and_package
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    program = exported_program(potential, STRESS_UNITS[options.stress_unit], torch.device(options.device))
    archive = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler about its own work
            aoti_compile_and_package(program, package_path=archive, inductor_configs=dict(INDUCTOR))
    except (CppCompileError, InvalidCxxCompiler) as error:
        raise CompilerError(f"AOTInductor could not compile {potential.name}: {error}") from error
    return archive.getvalue()


def read_about(path: Path) -> dict[str, Any]:
    """What a file holds beside its code, without running any of it; "proof" is None if it has none.

    Raises:
        CheckpointError: it is no file of this kind, or one of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {name.rpartition("/extra/")[2]: name for name in archive.namelist() if "/extra/" in name}
            texts = {key: archive.read(entries[key]).decode() for key in (ABOUT, PROOF) if key in entries}
    except (OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} cannot be read as a compiled model: {error}") from error
    about = json.loads(texts.get(ABOUT, "{}"))
    if about.get("format") != FORMAT:
        raise CheckpointError(f"{path} was not written by `alignn-ff export --to aoti`")
    if about["version"] > VERSION:
        raise CheckpointError(
            f"{path} is of the format {FORMAT!r}, version {about['version']}; this version reads up to "
            f"version {VERSION}: update alignn-ff"
        )
    return {**about, "proof": json.loads(texts[PROOF]) if PROOF in texts else None}


def read(path: Path) -> Compiled:
    """Load a file. Its machine code runs with the rights of this process: load files from people that you trust only.

    Raises:
        CheckpointError: it is no file of this kind, or it was made for another processor, device or torch.
    """
    about = read_about(path)
    reason = misfit(about["machine"])
    if reason is not None:
        raise CheckpointError(f"{path} cannot run here: {reason}. Export the model again on this machine")
    from torch._inductor import aoti_load_package

    return Compiled(about, aoti_load_package(str(path)))


def evaluate(path: Path, inputs: list[Input], widened: bool) -> list[Output]:
    """Read a file and evaluate structures; see ``alignn_ff.export.door``.

    Raises:
        ConfigError: a wider network is asked for.
    """
    if widened:
        raise ConfigError("machine code has one precision; it cannot be widened")
    compiled = read(path)
    found = [compiled(*item) for item in inputs]
    return [Output(*(results[name].cpu() for name in OUTPUTS)) for results in found]
