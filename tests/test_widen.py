"""Widening a model: the same energies, forces and stress, from weights that all have a part in them."""

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff import AlignnCalculator
from alignn_ff.checkpoint import load, save
from alignn_ff.models import AlignnSmoothConfig
from tests.support.tiny_models import tiny_header, tiny_model

SCRIPT = Path(__file__).parents[1] / "examples" / "universal" / "widen.py"
CONFIGS = {
    "no angles": AlignnSmoothConfig(hidden_features=8, moment_channels=4, alignn_layers=0, gcn_layers=3),
    "angles": AlignnSmoothConfig(hidden_features=8, moment_channels=4, alignn_layers=1, gcn_layers=1, max_moment=2),
    "one order": AlignnSmoothConfig(hidden_features=8, moment_channels=4, alignn_layers=0, max_moment=1, use_zbl=False),
}


def words(model: Path, wide: Path, hidden: int, moments: int) -> list[str]:
    sizes = ["--hidden-features", str(hidden), "--moment-channels", str(moments)]
    return [str(SCRIPT), str(model), str(wide), *sizes]


@pytest.fixture
def widen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The script, in this process."""

    def run(*arguments: Any) -> None:
        monkeypatch.setattr(sys, "argv", words(*arguments))
        with torch.random.fork_rng(devices=[]):
            runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


def crystal() -> Atoms:
    atoms = bulk("Si", cubic=True, a=5.2)
    atoms.numbers[::3] = 8
    atoms.rattle(0.1, seed=1)
    return atoms


def predictions(path: Path) -> list[np.ndarray]:
    atoms = crystal()
    atoms.calc = AlignnCalculator(path, dtype="float64")
    return [np.array(atoms.get_potential_energy()), atoms.get_forces(), atoms.get_stress()]


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("sizes", [(12, 6), (8, 5), (13, 4)])
def test_the_wider_model_predicts_the_same(
    kind: str, sizes: tuple[int, int], widen: Callable[..., None], tmp_path: Path
) -> None:
    narrow, wide, header = tmp_path / "narrow.pt", tmp_path / "wide.pt", tiny_header(config=CONFIGS[kind])
    save(narrow, header, tiny_model(header).double().state_dict())
    widen(narrow, wide, *sizes)
    for found, expected in zip(predictions(wide), predictions(narrow), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_new_channels_take_part_as_soon_as_old_ones_read_them(widen: Callable[..., None], tmp_path: Path) -> None:
    narrow, wide, header = tmp_path / "narrow.pt", tmp_path / "wide.pt", tiny_header(config=CONFIGS["no angles"])
    save(narrow, header, tiny_model(header).double().state_dict())
    widen(narrow, wide, 12, 6)
    before, loaded = predictions(wide)[0], load(wide)
    state = loaded.model.state_dict()
    grown = [name for name in state if name.endswith(("readout.2.weight", "invariants.out.weight"))]
    assert len(grown) == 4
    for name in grown:
        changed = {**state, name: torch.where(state[name] == 0.0, 0.1, state[name])}
        save(tmp_path / "read.pt", loaded.header, changed)
        assert abs(predictions(tmp_path / "read.pt")[0] - before) > 1e-7, name


def test_a_narrower_model_is_refused(tmp_path: Path) -> None:
    narrow, header = tmp_path / "narrow.pt", tiny_header(config=CONFIGS["no angles"])
    save(narrow, header, tiny_model(header).state_dict())
    command = [sys.executable, *words(narrow, tmp_path / "wide.pt", 6, 4)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "6 and 4 channels are asked; the model has 8 and 4" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "wide.pt").exists()
