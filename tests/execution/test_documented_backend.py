"""The example backend of docs/kernels.md works unchanged."""

import re
from pathlib import Path

import pytest
import torch

from alignn_ff.errors import MemoryLimitError
from alignn_ff.execution import BACKENDS, available
from alignn_ff.potential import load_potential
from alignn_ff.testing import structure

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"


def test_the_backend_of_the_page_runs_and_has_a_forecast(
    si_model_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, list[int]] = {}
    monkeypatch.setitem(BACKENDS, "recorded", BACKENDS["eager"])
    exec(code, names)
    potential = load_potential(si_model_file, device="cpu", backend="recorded")
    atoms = structure("bulk", (14,))
    expected = load_potential(si_model_file, device="cpu", backend="eager").predict_tensors([atoms])[0]
    assert torch.equal(potential.predict_tensors([atoms])[0].forces, expected.forces)
    assert names["calls"] == [len(atoms)]
    (tmp_path / "meminfo").write_text("MemAvailable: 1024 kB\n")
    monkeypatch.setattr(available, "MEMINFO", tmp_path / "meminfo")
    with pytest.raises(MemoryLimitError, match="take a structure of at most"):
        potential.predict_tensors([atoms.repeat(4)])
