"""Attributes of objects of other packages, taken out and put back by name, for restart files."""

from collections.abc import Iterable, Mapping
from functools import reduce


def take(owner: object, names: Iterable[str]) -> dict[str, object]:
    """The values of attributes.

    Args:
        owner: an integrator, an optimiser, …
        names: of attributes; those of a part of the owner with a dot, such as ``state.rho``. A part that does not exist
            yet gives None.
    """
    return {name: reduce(_attribute, name.split("."), owner) for name in names}


def put(owner: object, state: Mapping[str, object]) -> None:
    """Set attributes to the values that :func:`take` gave, in place."""
    for name, value in state.items():
        *parts, attribute = name.split(".")
        setattr(reduce(getattr, parts, owner), attribute, value)


def _attribute(owner: object, name: str) -> object:
    return getattr(owner, name, None)
