"""The law of force fields that needs a GPU; it has a marker, so it is not part of the shipped contract."""

from pathlib import Path

import pytest
import torch

from alignn_ff import checkpoint
from alignn_ff.potential import Potential, load_potential
from alignn_ff.testing import NAMES, structure


class GpuContract:
    """A subclass brings a fixture ``potential`` in float64 on the CPU."""

    @pytest.mark.gpu
    def test_gpu_predicts_what_the_cpu_does(self, potential: Potential, tmp_path: Path) -> None:
        checkpoint.save(tmp_path / "model.pt", potential.header, potential.model.state_dict())
        gpu = load_potential(tmp_path / "model.pt", device="cuda", dtype="float64")
        structures = [structure(name, potential.header.elements) for name in NAMES]
        for here, there in zip(potential.predict_tensors(structures), gpu.predict_tensors(structures), strict=True):
            torch.testing.assert_close(there[:4], here[:4], rtol=1e-9, atol=1e-9, equal_nan=True)
