"""Progress in a notebook: a bar with ipywidgets, else lines; and a whole notebook, where nbclient is installed."""

import builtins
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console

from alignn_ff.cli import console, training_progress
from alignn_ff.cli.console import StatusLines, shows_bars
from alignn_ff.cli.training_progress import ProgressBar, ProgressLines


class Output:
    """As the widget: a context that collects what is displayed."""

    def __init__(self) -> None:
        self.cleared = 0

    def clear_output(self, *, wait: bool) -> None:
        self.cleared += 1

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


class ZMQInteractiveShell:
    """As the class of the same name of ipykernel, by which rich recognises a notebook."""


def module(name: str, **content: object) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(content)
    return made


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A notebook without ipywidgets: what it displays."""
    found: list[object] = []
    display = module("IPython.display", display=found.append)
    monkeypatch.setitem(sys.modules, "IPython", module("IPython", display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    errors = Console(stderr=True, highlight=False)
    assert errors.is_jupyter
    for room in (console, training_progress):
        monkeypatch.setattr(room, "errors", errors)
    return found


def words(displayed: list[object]) -> str:
    return "".join(str(getattr(one, "html", "")) for one in displayed)


CONFIG = SimpleNamespace(progress=True, epochs=2, data="d.extxyz", dataset=None, output_dir=Path("run"))
ROW = {"epoch": 1.0, "train_total_loss": 0.5, "seconds": 1.0}


def test_a_notebook_with_widgets_shows_a_bar(displayed: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", module("ipywidgets", Output=Output))
    assert shows_bars()
    progress = training_progress.training_progress(CONFIG)  # type: ignore[arg-type]
    assert isinstance(progress, ProgressBar)
    with progress:
        progress.on_step(SimpleNamespace(step=3, epoch=1), 10)  # type: ignore[arg-type]
        progress.on_epoch(ROW)
    (widget,) = [one for one in displayed if isinstance(one, Output)]
    assert widget.cleared
    assert "3/10" in words(displayed)
    assert "loss 0.5" in words(displayed)


def test_a_notebook_without_widgets_shows_lines_and_no_warning(displayed: list[object]) -> None:
    assert not shows_bars()
    progress = training_progress.training_progress(CONFIG)  # type: ignore[arg-type]
    assert isinstance(progress, ProgressLines)
    with progress:
        progress.on_begin()
        progress.on_epoch({**ROW, "epoch": 2.0})
    StatusLines("dynamics of 10 steps")
    for line in ("training on d.extxyz", "epoch 2/2", "dynamics of 10 steps"):
        assert line in words(displayed)


CELLS = (
    """from ase.build import bulk
from alignn_ff import load_potential
potential = load_potential("si", device="cpu", backend="eager")
potential""",
    "potential.predict([bulk('Si')])[0]",
    """from types import SimpleNamespace
from alignn_ff.cli.training_progress import training_progress
config = SimpleNamespace(progress=True, epochs=1, data="d", dataset=None, output_dir="run")
with training_progress(config) as progress:
    progress.on_begin()
    progress.on_step(SimpleNamespace(step=3, epoch=1, seconds=1.0), 3)
    progress.on_epoch({"epoch": 1.0, "train_total_loss": 0.5, "seconds": 1.0})""",
)


@pytest.mark.slow
def test_a_notebook_shows_models_predictions_and_progress() -> None:
    reason = "a notebook needs nbclient, nbformat and ipykernel"
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    model, prediction, progress = (cell.outputs for cell in notebook.cells)
    assert [output.output_type for output in model] == ["execute_result"]  # nothing is printed
    assert "training structures" in model[0].data["text/html"]
    assert model[0].data["text/plain"].startswith("<Potential si")
    assert "force x, eV/Å" in prediction[0].data["text/html"]
    shown = str(progress) + str(notebook.metadata.get("widgets", ""))
    assert "3/3" in shown or "epoch 1/1" in shown
    assert "Traceback" not in shown
