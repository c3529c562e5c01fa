"""Outputs are checked before any work is done."""

import os
from pathlib import Path

import pytest
from ase.build import bulk

from alignn_ff.errors import ConfigError
from alignn_ff.io import check_format, claim


def test_a_read_only_folder_is_named_with_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may write everywhere
    with pytest.raises(ConfigError, match=r"x\.vasp cannot be written: its folder is read-only"):
        claim([tmp_path / "x.vasp"], overwrite=False)


def test_an_output_that_is_a_folder_is_named_before_its_format_is_asked_for(tmp_path: Path) -> None:
    for check in (lambda: check_format(tmp_path, bulk("Si")), lambda: claim([tmp_path], overwrite=True)):
        with pytest.raises(ConfigError, match="is a folder; --output takes the name of a file"):
            check()
