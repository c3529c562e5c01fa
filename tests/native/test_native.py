"""Compiled kernels: found in the cache, used by long trainings, and not required."""

import logging
import subprocess
import sys

import pytest
import torch

from alignn_ff.errors import CompilerError
from alignn_ff.native import Kernels, build, cached_kernels, find_kernels, kernels_for, using
from alignn_ff.train.kernels import FEWEST_STEPS, training_kernels
from tests.support.training_runs import small_config

CPU = torch.device("cpu")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "library_folder", lambda: tmp_path / "kernels")
    return tmp_path / "kernels"


def test_kernels_are_cached_for_these_sources_this_compiler_this_cpu_and_this_c_library(kernels, monkeypatch):
    assert cached_kernels() is find_kernels()
    compiler = build.find_compiler()
    path = build.library_path(compiler)
    for name in ("_content", "_cpu", "_c_library"):
        with monkeypatch.context() as patch:
            patch.setattr(build, name, lambda *_: b"other" if name == "_content" else "other")  # noqa: B023
            assert build.library_path(compiler) != path
            assert cached_kernels() is None
    assert build.library_path(sys.executable) != path


def test_looking_for_cached_kernels_compiles_nothing(empty_cache):
    assert cached_kernels() is None
    assert not empty_cache.exists()


def test_a_file_that_is_not_a_library_is_an_error_for_people(tmp_path):
    (tmp_path / "kernels.so").write_bytes(b"rubbish")
    with pytest.raises(CompilerError, match="cannot be loaded"):
        Kernels(tmp_path / "kernels.so")


def test_kernels_take_tensors_of_one_dtype_on_the_cpu_inside_their_block_only(kernels):
    single, double = torch.zeros(2), torch.zeros(2, dtype=torch.float64)
    assert kernels_for("gated_sum", [single]) is None
    with using(kernels):
        assert kernels_for("gated_sum", [single, single]) is kernels
        assert kernels_for("gated_sum", [double]) is kernels
        assert kernels_for("gated_sum", [single, double]) is None
        assert kernels_for("gated_sum", [torch.zeros(2, dtype=torch.int64)]) is None
        assert kernels_for("gated_sum", [torch.zeros(2, device="meta")]) is None
        assert kernels_for("sent_contraction", [single]) is None
    assert kernels_for("gated_sum", [single]) is None


def test_importing_the_package_loads_no_kernels(kernels):
    check = "import alignn_ff.potential, sys; maps = open('/proc/self/maps').read(); sys.exit('kernels-' in maps)"
    if sys.platform.startswith("linux"):
        assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.config_field("kernels")
def test_long_trainings_run_on_compiled_kernels_and_short_ones_do_not(kernels, tmp_path):
    config = small_config(tmp_path)
    assert training_kernels(config, n_steps=FEWEST_STEPS, device=CPU).compiled is find_kernels()
    assert training_kernels(config, n_steps=FEWEST_STEPS - 1, device=CPU).compiled is None
    assert training_kernels(config, n_steps=FEWEST_STEPS, device=torch.device("meta")).compiled is None
    never = small_config(tmp_path, kernels="torch")
    assert training_kernels(never, n_steps=FEWEST_STEPS, device=CPU).compiled is None
    always = small_config(tmp_path, kernels="native")
    assert training_kernels(always, n_steps=1, device=CPU).compiled is find_kernels()
    scattered = small_config(tmp_path, kernels="scatter")
    assert training_kernels(scattered, n_steps=FEWEST_STEPS, device=CPU).name == "scatter"


def test_training_without_a_compiler_warns_once_and_continues(tmp_path, monkeypatch, empty_cache, caplog):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert training_kernels(small_config(tmp_path), n_steps=FEWEST_STEPS, device=CPU).compiled is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no C++ compiler" in caplog.text
    with pytest.raises(CompilerError, match="install one"):
        training_kernels(small_config(tmp_path, kernels="native"), n_steps=1, device=CPU)
