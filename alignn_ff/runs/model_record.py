"""Model and software that produced a result."""

import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from ase.calculators.calculator import BaseCalculator
from ase.data import chemical_symbols

from alignn_ff import __version__
from alignn_ff.calculator.dispersion import DispersionRecord
from alignn_ff.errors import ConfigError

PACKAGES: Final = ("torch", "ase", "numpy", "vesin")


@dataclass(frozen=True)
class ModelRecord:
    """The model that produced a result.

    Attributes:
        name: zoo name, path, or the class of a calculator of another package.
        sha256: of the model file; None if there is no file.
        elements: chemical symbols that the model covers.
        dtype, device: of the network.
        backend: how the model is executed.
        threads: number of CPU threads.
        path: of the model file, absolute.
        origin: a key of ``zoo.ORIGINS``; None if there is no file, or an earlier version wrote the record.
        memory_limit_bytes: memory that an evaluation may use; None means no limit.
        dispersion: added to the model; None if there is none.
        uncertainty: standard deviations that are computed; see :func:`alignn_ff.load_potential`.
        resident: whether the structure stays on the device of the network; see :class:`alignn_ff.AlignnCalculator`.
    """

    name: str
    sha256: str | None = None
    elements: tuple[str, ...] = ()
    dtype: str | None = None
    device: str | None = None
    backend: str | None = None
    threads: int | None = None
    path: str | None = None
    memory_limit_bytes: int | None = None
    origin: str | None = None
    dispersion: DispersionRecord | None = None
    uncertainty: str = "energy"
    resident: bool = False

    @property
    def in_words(self) -> str:
        """Name, added dispersion, precision, device: "si (float64, cpu)"."""
        added = "" if self.dispersion is None else f" + {self.dispersion.name}"
        where = ", ".join(word for word in (self.dtype, self.device) if word is not None)
        return f"{self.name}{added} ({where})" if where else f"{self.name}{added}"


def describe_model(calculator: BaseCalculator) -> ModelRecord:
    """The record of a calculator's model, after its first evaluation."""
    import torch  # here, since checks of files, which need no model, import this module too

    from alignn_ff.calculator import AlignnCalculator, DispersionSum

    if isinstance(calculator, DispersionSum):
        return replace(describe_model(calculator.base), dispersion=calculator.dispersion.record)
    if not isinstance(calculator, AlignnCalculator):
        return ModelRecord(type(calculator).__name__)
    potential = calculator.potential
    source = potential.source
    return ModelRecord(
        name=potential.name,
        sha256=None if source is None else source.sha256,
        elements=tuple(chemical_symbols[z] for z in potential.header.elements),
        dtype=str(potential.dtype).removeprefix("torch."),
        device=str(potential.device),
        backend=potential.backend,
        threads=torch.get_num_threads(),
        path=None if source is None else str(source.file),
        memory_limit_bytes=potential.limits.memory_bytes,
        origin=None if source is None else source.origin,
        dispersion=calculator.dispersion,
        uncertainty=potential.uncertainty,
        resident=calculator.resident,
    )


def check_same_dispersion(then: ModelRecord, now: ModelRecord) -> None:
    """Check that a run is resumed with the dispersion with which it began.

    Raises:
        ConfigError: it is another one.
    """
    before, after = ("none" if record.dispersion is None else record.dispersion.name for record in (then, now))
    if before != after:
        raise ConfigError(
            f"the run began with dispersion {before}, now it is {after}; a restart would mix two energies"
        )


def software_versions() -> dict[str, str]:
    """Versions of this package, of Python, and of the packages that affect the numbers."""
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
