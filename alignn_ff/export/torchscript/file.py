"""Files of the target ``torchscript``: written, read back, and what they hold beside the network.

``alignn_ff.json`` holds the header of the model, dtype, unit of the stress and versions; ``alignn_ff_proof.json`` holds
how closely the file agrees with the eager model; ``alignn_ff_host.txt`` holds what hosts without JSON need.
"""

import json
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from alignn_ff import __version__
from alignn_ff.errors import CheckpointError
from alignn_ff.export.door import Input, Output
from alignn_ff.export.options import STRESS_UNITS, ExportOptions
from alignn_ff.export.torchscript import host
from alignn_ff.export.torchscript.entries import Deployed
from alignn_ff.potential import Potential

FORMAT: Final = "alignn-ff torchscript"
VERSION: Final = 1
ABOUT: Final = "alignn_ff.json"
PROOF: Final = "alignn_ff_proof.json"


def write(potential: Potential, path: Path, options: ExportOptions) -> None:
    """Script a model and save it, with everything about it.

    Args:
        potential: on the CPU, in the dtype of the file.
        path: of the file.
        options: the unit of the stress is read.
    """
    about = {"format": FORMAT, "version": VERSION, **told(potential, options), "torch_version": torch.__version__}
    deployed = Deployed(potential.header.model.name, potential.model, STRESS_UNITS[options.stress_unit]).eval()
    with quiet_jit():
        scripted = torch.jit.script(deployed)
        torch.jit.save(
            scripted, str(path), _extra_files={ABOUT: json.dumps(about), host.ENTRY: host.host_lines(potential)}
        )


def told(potential: Potential, options: ExportOptions) -> dict[str, object]:
    """What files of every kind tell of their model."""
    return {
        "model": potential.name,
        "dtype": str(potential.dtype).removeprefix("torch."),
        "stress_unit": options.stress_unit,
        "header": potential.header.model_dump(mode="json"),
        "alignn_ff_version": __version__,
    }


def record(path: Path, text: str) -> None:
    """Add the record of the comparison; nothing else in the file changes."""
    add_entry(path, PROOF, text)


def add_entry(path: Path, name: str, text: str) -> None:
    """Add an entry that ``torch.jit.load(path, _extra_files={name: ""})`` reads."""
    with zipfile.ZipFile(path, "a") as archive:
        top = archive.namelist()[0].split("/")[0]
        archive.writestr(f"{top}/extra/{name}", text)


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    """The network of a file, and what the file holds beside it; "proof" is None if it has none.

    Raises:
        CheckpointError: it is no file of this kind, or one of a newer version.
    """
    extra = {ABOUT: "", PROOF: ""}
    try:
        with quiet_jit():
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a TorchScript file: {str(error).splitlines()[0]}") from error
    if not extra[ABOUT]:
        raise CheckpointError(f"{path} was not written by `alignn-ff export`: it has no entry {ABOUT}")
    about = json.loads(extra[ABOUT])
    if about["format"] != FORMAT or about["version"] > VERSION:
        raise CheckpointError(
            f"{path} is of the format {about['format']!r}, version {about['version']}; this version reads "
            f"{FORMAT!r} up to version {VERSION}: update alignn-ff"
        )
    return module, {**about, "proof": json.loads(extra[PROOF]) if extra[PROOF] else None}


def evaluate(path: Path, inputs: list[Input], widened: bool) -> list[Output]:
    """Read a file and evaluate structures; see ``alignn_ff.export.door``."""
    module, _ = read(path)
    if widened:
        module = module.double()
    outputs = []
    for item in inputs:
        found = module.forward_tensors_z(*item, True)
        outputs.append(Output(found["energy"], found["atomic_energy"], found["forces"], found["stress"]))
    return outputs


@contextmanager
def quiet_jit() -> Iterator[None]:
    """Use of ``torch.jit``, which torch 2.13 calls deprecated; it has no successor with derivatives in a file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`?torch\.jit", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r"`?torch\.jit", category=FutureWarning)
        yield
