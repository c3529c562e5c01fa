"""Attributes of objects of other packages, read and restored by name, for restart files."""

from collections.abc import Iterable, Mapping
from functools import reduce


def take(owner: object, names: Iterable[str]) -> dict[str, object]:
    """The values of attributes.

    Args:
        owner: an integrator, an optimiser, …
        names: of attributes; an attribute of a part has a dot, such as ``state.rho``. The value is None if the part
            does not exist yet.
    """
    return {name: reduce(_attribute, name.split("."), owner) for name in names}


def put(owner: object, state: Mapping[str, object]) -> None:
    """Set attributes to the values that :func:`take` returned, in place."""
    for name, value in state.items():
        *parts, attribute = name.split(".")
        setattr(reduce(getattr, parts, owner), attribute, value)


def _attribute(owner: object, name: str) -> object:
    return getattr(owner, name, None)
