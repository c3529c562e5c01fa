"""A calculator of another package by the name of its class: ``ase.calculators.emt:EMT``."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase.calculators.calculator import Calculator

from alignn_ff.errors import ConfigError


def load_calculator(place: str, arguments: Mapping[str, Any]) -> Calculator:
    """Import a class (or function) and call it.

    Args:
        place: "module:Class"; modules of the current folder are found too.
        arguments: of the call, by keyword.

    Raises:
        ConfigError: there is no such module or class, it cannot be made, or it is not an ASE calculator.
    """
    module, colon, name = place.partition(":")
    if not colon or not module or not name:
        raise ConfigError(f"--calculator takes module:Class, such as ase.calculators.emt:EMT, not {place!r}")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found: Any = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ConfigError(f"cannot import {module}: {error}; install it in this environment, or correct it") from error
    finally:
        sys.path.remove(here)
    if found is None:
        raise ConfigError(f"the module {module} has no {name}")
    try:
        calculator = found(**arguments)
    except Exception as error:  # a class from outside raises anything
        raise ConfigError(f"{place} cannot be made ({type(error).__name__}: {error}); see --argument") from error
    if not isinstance(calculator, Calculator):
        raise ConfigError(f"{place} is a {type(calculator).__name__}, not an ASE calculator")
    return calculator
