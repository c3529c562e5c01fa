"""Functions for users take a path as text, as most other packages do."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from ase.build import bulk

from alignn_ff.train import load_config
from alignn_ff.trajectory import read_trajectory

ROOMS: Final = ("relax", "md", "analysis", "train", "export", "trajectory")


def paths() -> list[tuple[str, str, str]]:
    """Room, function and parameter of every public function that takes a path."""
    found = []
    for room in ROOMS:
        module = import_module(f"alignn_ff.{room}")
        for name in module.__all__:
            function = getattr(module, name)
            if inspect.isfunction(function):
                parameters = inspect.signature(function).parameters.values()
                found += [(room, name, each.name) for each in parameters if "Path" in str(each.annotation)]
    return found


@pytest.mark.parametrize(("room", "name", "parameter"), paths())
def test_a_path_may_be_text(room: str, name: str, parameter: str) -> None:
    function = getattr(import_module(f"alignn_ff.{room}"), name)
    assert "str" in str(inspect.signature(function).parameters[parameter].annotation)


def test_text_is_read_as_the_path(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"dataset": "user_data", "data": "frames.extxyz", "epochs": 3}')
    assert load_config(str(tmp_path / "config.json")) == load_config(tmp_path / "config.json")
    bulk("Si").write(tmp_path / "frames.extxyz")
    assert read_trajectory(str(tmp_path / "frames.extxyz")) == [bulk("Si")]
