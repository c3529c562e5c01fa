"""The model of a command and its execution: the options of every command with a model."""

import re
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import Field, field_validator

from alignn_ff.cli.console import errors
from alignn_ff.errors import ConfigError
from alignn_ff.runs.config import RunConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ase import Atoms

    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.execution import Limits
    from alignn_ff.loading import ModelSource, UncertaintyWord

PRECISIONS: Final = ("float32", "float64")
UNCERTAINTIES: Final = ("energy", "forces")
OF_CALCULATORS: Final = ("dispersion", "resident", "uncertainty")
"""Fields that only a calculator uses; commands that evaluate without one leave them out."""
DEVICES: Final = r"auto|(cpu|cuda|mps|xpu)(:\d+)?"
"""Devices by name, before torch tells which of them are there."""

BACKEND_HELP = (
    "how the network is executed; auto: the fastest that needs no compiling; native: C++ kernels on the CPU; triton: "
    "Triton kernels on CUDA, for alignn_smooth; eager: the reference; blocked: published models within a memory limit"
)


def _one_of(name: str, word: str, allowed: tuple[str, ...]) -> str:
    """The word of an option, if it is allowed."""
    if word not in allowed:
        raise ConfigError(f"{name} is {word!r}; allowed are {', '.join(allowed)} (--{name})")
    return word


class ModelChoice(RunConfig):
    """A model and how it is executed."""

    model: str = Field(
        "auto",
        description="zoo name, or path of a model file or folder (./NAME if the zoo has that name); "
        "auto takes the shipped one that `alignn-ff zoo recommend` puts first, and prints why",
    )
    device: str = Field("auto", description="where the network runs: auto (a GPU if there is one), cpu, cuda or cuda:N")
    dtype: str = Field(
        "float32", description="precision of the network, float32 or float64; geometry and energy sums are float64"
    )
    backend: str = Field("auto", description=BACKEND_HELP)
    memory_limit: str | None = Field(
        None,
        description="largest memory of an evaluation of a published model, such as 4GB; a low limit is slower",
    )
    dispersion: str | None = Field(
        None, description="D3 dispersion added to the model, such as pbe-d3bj, or pbe-d3bj-atm with the three-body term"
    )
    resident: bool = Field(
        False,
        description="keep the structure on the GPU, neighbours included, from step to step, for alignn_smooth models; "
        "results agree to rounding",
    )
    uncertainty: str = Field(
        "energy",
        description="standard deviations of one model with a last layer: energy, or forces, which adds those of forces "
        "and stress and is slower; a committee has all of them",
    )

    @field_validator("uncertainty")
    @classmethod
    def _deviations(cls, word: str) -> str:
        return _one_of("uncertainty", word, UNCERTAINTIES)

    @field_validator("dtype")
    @classmethod
    def _a_precision(cls, word: str) -> str:
        return _one_of("dtype", word, PRECISIONS)

    @field_validator("device")
    @classmethod
    def _a_device(cls, word: str) -> str:
        if re.fullmatch(DEVICES, word) is None:
            raise ConfigError(f"device is {word!r}; allowed are auto, cpu, cuda and cuda:N (--device)")
        return word

    def limits(self) -> "Limits | None":
        """Limits of one evaluation.

        Raises:
            ConfigError: ``memory_limit`` is not a size.
        """
        from alignn_ff.cli.parsing import parse_limits

        return parse_limits(self.memory_limit)

    def execution(self) -> dict[str, Any]:
        """Arguments of the functions that load a model: device, dtype, backend, limits."""
        return {"device": self.device, "dtype": self.dtype, "backend": self.backend, "limits": self.limits()}

    def calculator(self, atoms: "Atoms", *, outside: str = "warn") -> "AlignnCalculator":
        """The calculator for a structure, and what it does outside of the training data.

        Raises:
            ModelNotFoundError, CheckpointError, ElementNotCoveredError, ConfigError, CompilerError
        """
        from alignn_ff.calculator import AlignnCalculator
        from alignn_ff.potential import load_potential

        model = chosen_model(self.model, atoms.numbers, [atoms])
        return AlignnCalculator(
            load_potential(model, **self.execution(), uncertainty=cast("UncertaintyWord", self.uncertainty)),
            outside=outside,
            dispersion=self.dispersion,
            resident=self.resident,
        )


def chosen_model(model: str, atomic_numbers: "Iterable[int]", structures: "Sequence[Atoms]" = ()) -> str:
    """The model of a command; of "auto" the one that suits its structures, which is printed with the reasons.

    Args:
        model: as the user gave it.
        atomic_numbers: of all structures.
        structures: these, or examples of them.

    Raises:
        ElementNotCoveredError: no shipped model covers the elements.
    """
    if model != "auto":
        return model
    from alignn_ff.zoo import choose

    chosen = choose(atomic_numbers, structures)
    errors.print(chosen.sentence, markup=False, soft_wrap=True)
    return chosen.name


def source_json(source: "ModelSource | None") -> dict[str, str]:
    """Where a model comes from, for the JSON of a command; empty without a file."""
    if source is None:
        return {}
    return {"model_origin": source.origin, "model_path": str(source.file), "model_sha256": source.sha256}


class PreciseModelChoice(ModelChoice):
    """The same options, with float64 as the default, so that small forces can be reached."""

    dtype: str = Field(
        "float64", description="precision of the network; float64 reaches smaller forces, float32 is faster"
    )
