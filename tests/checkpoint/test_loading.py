"""Every public loader raises a ConfigError for an invalid word, with the allowed ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alignn_ff import AlignnCalculator, load_potential
from alignn_ff.errors import ConfigError
from alignn_ff.loading import open_model, select_device, select_dtype
from alignn_ff.predictor import load_predictor

LOADERS = [load_potential, load_predictor, AlignnCalculator]


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("dtype", ["float16", "double", "", ["float32"]])
def test_an_unknown_precision_is_refused(si_model_file: Path, load: Callable[..., object], dtype: str) -> None:
    if load is AlignnCalculator and not dtype:
        pytest.skip("None and '' mean the default there")
    with pytest.raises(ConfigError, match="allowed are float32, float64"):
        load(si_model_file, device="cpu", dtype=dtype)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", 3.5])
def test_an_unknown_device_is_refused(si_model_file: Path, load: Callable[..., object], device: str) -> None:
    with pytest.raises(ConfigError, match="use auto, cpu or cuda"):
        load(si_model_file, device=device)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("backend", ["fast", "Eager"])
def test_an_unknown_backend_is_refused(si_model_file: Path, load: Callable[..., object], backend: str) -> None:
    with pytest.raises(ConfigError, match="allowed are auto, native, triton, eager"):
        load(si_model_file, device="cpu", backend=backend)


@pytest.mark.parametrize("words", [{"dtype": "float16"}, {"device": "gpu"}])
def test_a_calculator_that_chooses_its_model_later_refuses_wrong_words_at_once(words: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        AlignnCalculator("auto", **words)


def test_words_become_device_and_dtype(si_model_file: Path) -> None:
    opened = open_model(si_model_file, device="cpu", dtype="float64")
    assert (opened.name, opened.device, opened.dtype) == (str(si_model_file), torch.device("cpu"), torch.float64)
    assert select_dtype("float32") is torch.float32
    assert select_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_auto_needs_a_structure() -> None:
    with pytest.raises(ConfigError, match="a structure is needed"):
        open_model("auto", device="cpu", dtype="float32")
