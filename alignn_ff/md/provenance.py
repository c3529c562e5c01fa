"""Which model and which software made a result."""

import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from ase.calculators.calculator import BaseCalculator
from ase.data import chemical_symbols

from alignn_ff import __version__, zoo
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ModelNotFoundError

PACKAGES: Final = ("torch", "ase", "numpy", "matscipy")


@dataclass(frozen=True)
class ModelRecord:
    """The model behind a result.

    Attributes:
        name: zoo name, path, or the class of a calculator that is not ours.
        sha256: of the model file; None if there is no file.
        elements: chemical symbols that the model knows.
        dtype, device: of the network.
        backend: how it was executed.
    """

    name: str
    sha256: str | None = None
    elements: tuple[str, ...] = ()
    dtype: str | None = None
    device: str | None = None
    backend: str | None = None


def describe_model(calculator: BaseCalculator) -> ModelRecord:
    """The record of a calculator's model, after its first evaluation."""
    if not isinstance(calculator, AlignnCalculator):
        return ModelRecord(type(calculator).__name__)
    potential = calculator.potential
    return ModelRecord(
        name=potential.name,
        sha256=_file_digest(potential.name),
        elements=tuple(chemical_symbols[z] for z in potential.header.elements),
        dtype=str(potential.dtype).removeprefix("torch."),
        device=str(potential.device),
        backend=potential.backend,
    )


def software_versions() -> dict[str, str]:
    """Versions of this package, of Python, and of the packages that decide the numbers."""
    return {
        "alignn-ff": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _file_digest(name: str) -> str | None:
    try:
        path = zoo.model_file(name)
    except ModelNotFoundError:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
