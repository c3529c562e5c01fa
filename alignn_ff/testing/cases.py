"""Laws as methods with cases, which pytest runs one by one and which run without pytest too.

A law is a method ``test_…`` of a contract: a row of the table, or a method with :func:`for_each`, which gives it cases.
This module does not import pytest.
"""

import inspect
import itertools
import unittest
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from alignn_ff.testing.law import Law

Method = TypeVar("Method", bound=Callable[..., None])
Values = Sequence[object] | Mapping[str, object]

CASES: Final[dict[Callable[..., None], dict[str, Mapping[str, object]]]] = {}
"""Function of a law → parameter → (name of the value, value)."""


def for_each(**parameters: Values) -> Callable[[Method], Method]:
    """Give a law one case for each combination of values.

    Args:
        parameters: name of a parameter of the law → its values, or name of each value → value.
    """

    def with_cases(law: Method) -> Method:
        CASES[law] = {
            name: values if isinstance(values, Mapping) else {str(value): value for value in values}
            for name, values in parameters.items()
        }
        return law

    return with_cases


def method_of(name: str, law: Law) -> Callable[..., None]:
    """The method of a contract that measures a law of the table and asserts its figures."""

    def method(contract: Any, potential: object, *values: object, **case: object) -> None:
        chosen = {**dict(zip(law.cases, values, strict=False)), **case}
        law.measure(contract.setting(potential), **chosen).require()

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(each, kind) for each in ("self", "potential", *law.cases)]
    method.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    method.__name__ = method.__qualname__ = f"test_{name}"
    method.__doc__ = f"{law.help[:1].upper()}{law.help[1:]}."
    CASES[method] = dict(law.cases)
    return method


class Metafunc(Protocol):
    """What is used of pytest's object of this name."""

    @property
    def function(self) -> Callable[..., None]:
        """The test."""

    def parametrize(self, argnames: str, argvalues: Sequence[object], *, ids: Sequence[str]) -> None:
        """Add cases."""


class Contract:
    """Base of all contracts: a class of laws, which a test class inherits."""

    def pytest_generate_tests(self, metafunc: Metafunc) -> None:
        """Called by pytest for each law: adds its cases."""
        for name, values in CASES.get(metafunc.function, {}).items():
            metafunc.parametrize(name, list(values.values()), ids=list(values))


class Broken(NamedTuple):
    """A law that does not hold.

    Attributes:
        law: name of the law.
        case: names of the values.
        reason: what was found.
    """

    law: str
    case: tuple[str, ...]
    reason: str


def broken_laws(contract: Contract, potential: object, *, only: Collection[str] | None = None) -> list[Broken]:
    """Check the laws of a contract without pytest.

    Args:
        contract: an instance of its class.
        potential: what the fixture ``potential`` would give.
        only: names of laws; None means all.
    """
    broken = []
    for name, law in laws(contract):
        if only is not None and name not in only:
            continue
        for case, values in _combinations(law):
            try:
                law(contract, potential, **values)
            except unittest.SkipTest:
                continue
            except Exception as error:  # noqa: BLE001 - a wrapped potential may raise anything
                broken.append(Broken(name, case, f"{type(error).__name__}: {error}".strip()))
    return broken


def laws(contract: Contract) -> Iterator[tuple[str, Callable[..., None]]]:
    """Names and functions of the laws; a law that a class has set to None is left out."""
    for name in dir(type(contract)):
        law = getattr(type(contract), name)
        if name.startswith("test_") and callable(law):
            yield name, law


def _combinations(law: Callable[..., None]) -> Iterator[tuple[tuple[str, ...], dict[str, object]]]:
    parameters = CASES.get(law, {})
    for chosen in itertools.product(*(values.items() for values in parameters.values())):
        yield tuple(name for name, _ in chosen), dict(zip(parameters, (value for _, value in chosen), strict=True))
