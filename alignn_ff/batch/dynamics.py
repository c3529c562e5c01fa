"""Molecular dynamics of many structures: each at several temperatures, and with several seeds, if asked for.

A run has the files of ``alignn-ff md``. One that was killed goes on from its restart file.
"""

import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import Field, model_validator

from alignn_ff.batch.flight import Around
from alignn_ff.batch.outcome import Outcome
from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.interrupt import Terminated
from alignn_ff.md.config import MDConfig
from alignn_ff.runs.landed import Landed

if TYPE_CHECKING:
    from alignn_ff.md import MDFiles
    from alignn_ff.md.many.flight import DynamicsFlight
    from alignn_ff.md.result import MDResult


class ManyMDConfig(MDConfig):
    """Dynamics of many structures."""

    temperatures_K: tuple[float, ...] = Field(
        (), description="temperatures of separate runs of each structure, instead of temperature_K, such as 300:600:900"
    )
    replicas: int = Field(
        1, ge=1, description="runs of each structure and temperature, which differ in their seeds: seed, seed + 1, …"
    )

    @model_validator(mode="after")
    def _temperature_is_one_or_many(self) -> Self:
        if self.temperatures_K and ("temperature_K" in self.model_fields_set or self.stages):
            raise ConfigError(
                "temperatures_K (--temperatures) are those of separate runs; leave out temperature_K and stages"
            )
        if min(self.temperatures_K, default=0.0) < 0.0:
            raise ConfigError(f"temperatures_K holds {min(self.temperatures_K):g} K; temperatures are at least 0 K")
        if len(set(self.temperatures_K)) < len(self.temperatures_K):
            raise ConfigError(f"temperatures_K holds a temperature twice: {self.temperatures_K}; use replicas for that")
        return self


def variants(config: ManyMDConfig) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The runs of each structure: what is added to its id, and the settings that differ."""
    if not config.temperatures_K and config.replicas == 1:
        yield "", {}
        return
    for temperature_K in config.temperatures_K or (None,):
        for replica in range(config.replicas):
            at = "" if temperature_K is None else f"@{temperature_K:g}K"
            number = f"#{replica}" if config.replicas > 1 else ""
            settings = {"seed": config.seed + replica}
            yield at + number, settings if temperature_K is None else {"temperature_K": temperature_K, **settings}


def md(atoms: Atoms, calculator: BaseCalculator, config: ManyMDConfig, prefix: Path) -> Outcome:
    """One run, with its usual files.

    Raises:
        KeyboardInterrupt: a signal stopped the run (SIGTERM: Terminated); its state is saved.
    """
    from alignn_ff.md import resume_md, run_md
    from alignn_ff.md.run.stopping import MDInterruptedError

    single, files = _single(config), files_of(config, prefix)
    result: MDResult | None = None
    try:
        if files.restart.exists():
            with suppress(CheckpointError, ConfigError):  # it begins again
                result = resume_md(files.restart, calculator=calculator)
        if result is None:
            result = run_md(atoms, calculator, config=single, files=files)
    except MDInterruptedError as error:  # Ctrl-C is for the batch; the run goes on with the next one
        raise (Terminated if error.exit_code == 128 + signal.SIGTERM else KeyboardInterrupt) from error
    return _outcome(result, config)


def md_together(calculator: BaseCalculator, config: ManyMDConfig, *, n_slots: int) -> "Dynamics | None":
    """Dynamics of structures together on the device of the network (``--resident``); None without that.

    Raises:
        ConfigError: they were to stay on the device, and cannot.
    """
    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.md.many.flight import DynamicsFlight

    if not isinstance(calculator, AlignnCalculator) or not calculator.resident:
        return None
    return Dynamics(DynamicsFlight(calculator, _single(config), n_slots=n_slots))


class Dynamics(Around["DynamicsFlight"]):
    """Structures that move together, as a flight of a batch."""

    def __init__(self, flight: "DynamicsFlight") -> None:
        super().__init__(flight)
        self._configs: dict[int, ManyMDConfig] = {}

    def add(self, key: int, atoms: Atoms, config: ManyMDConfig, prefix: Path) -> None:
        """Begin a run, or continue it from its restart file."""
        self._flight.add(key, atoms, _single(config), files_of(config, prefix))
        self._configs[key] = config

    def advance(self) -> list[Landed[Outcome]]:
        """Make steps of all; those that ended."""
        landed = []
        for key, result, seconds in self._flight.advance():
            config = self._configs.pop(key)
            outcome = result if isinstance(result, Exception) else _outcome(result, config)
            landed.append(Landed(key, outcome, seconds))
        return landed

    def close(self) -> None:
        """Save the states of open runs."""
        self._flight.close()


def files_of(config: ManyMDConfig, prefix: Path) -> "MDFiles":
    """The files of one run."""
    from alignn_ff.md import MDFiles

    harvest = None if config.harvest is None else prefix.with_name(f"{prefix.name}-harvest.extxyz")
    return MDFiles(prefix, config.formats, harvest)


def _outcome(result: "MDResult", config: ManyMDConfig) -> Outcome:
    content: Mapping[str, Any] = result.to_json()
    numbers = {name: content[name] for name in MD_NUMBERS}
    if config.temperatures_K or config.replicas > 1:
        numbers = {"temperature_K": config.temperature_K, "seed": config.seed, **numbers}
    detail = {"stages": content["stages"], "outside": list(result.outside)}
    return Outcome("done", numbers, result.atoms, detail, n_evaluations=content["n_steps"] + 1)


def _single(config: ManyMDConfig) -> MDConfig:
    """The config of one run."""
    given = {name: getattr(config, name) for name in config.model_fields_set & MDConfig.model_fields.keys()}
    return MDConfig.model_validate(given)


MD_NUMBERS: Final = (
    "mean_temperature_K",
    "final_temperature_K",
    "total_energy_first_eV",
    "total_energy_last_eV",
    "drift_meV_per_atom_per_ps",
    "simulated_time_fs",
    "n_steps",
)
