"""Run the tutorials and store them with what they print and draw: ``python docs/run_tutorials.py [NAME …]``.

In: notebooks of ``docs/tutorials``. Out: the same files with outputs. Each notebook runs in a fresh process and a
temporary folder, cell by cell, as Jupyter runs it; Jupyter is not needed. ``--no-store`` runs only, as the tests do.
"""

import argparse
import ast
import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import types
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

TUTORIALS: Final = Path(__file__).parent / "tutorials"
PIXELS_PER_INCH: Final = 120
COLOURS: Final = 128
"""Of a figure; with these a file has a third of its size."""
Cell = dict[str, Any]


def main() -> None:
    """Run the chosen tutorials, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 03-phonons; all if none is given")
    parser.add_argument("--no-store", action="store_true", help="run only")
    parser.add_argument("--here", type=Path, metavar="FILE", help="run one notebook in this process and folder")
    arguments = parser.parse_args()
    if arguments.here is not None:
        print(json.dumps(executed(arguments.here)))
        return
    for path in [TUTORIALS / f"{name}.ipynb" for name in arguments.names] or sorted(TUTORIALS.glob("*.ipynb")):
        notebook = run(path)
        if not arguments.no_store:
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(path.stem)


def run(path: Path) -> dict[str, Any]:
    """A notebook with its outputs, from a process of its own in a temporary folder."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "MPLBACKEND": "agg", "PATH": programs}
    words = [sys.executable, str(Path(__file__).resolve()), "--here", str(path.resolve())]
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"{path.name} failed; the message is above")
    notebook: dict[str, Any] = json.loads(ended.stdout)
    return notebook


def executed(path: Path) -> dict[str, Any]:
    """A notebook with the outputs of its cells, which run in this process."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # by plt.show()
    plt.rcParams["figure.dpi"] = PIXELS_PER_INCH
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            cell["execution_count"] = number
            cell["outputs"] = outputs_of("".join(cell["source"]), number, vars(module))
    return notebook


def outputs_of(source: str, number: int, names: dict[str, Any]) -> list[Cell]:
    """Run a cell: what it prints, the value of its last line, and the figures that it leaves open."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, warned, value = io.StringIO(), io.StringIO(), None
    with redirect_stdout(printed), redirect_stderr(warned):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    outputs = [stream("stdout", printed.getvalue()), stream("stderr", warned.getvalue())]
    if value is not None:
        outputs.append({"output_type": "execute_result", "execution_count": number, **content(value)})
    for figure in map(plt.figure, plt.get_fignums()):
        outputs.append({"output_type": "display_data", **content(figure, png(figure))})
    plt.close("all")
    return [output for output in outputs if output.get("text") != []]


def stream(name: str, text: str) -> Cell:
    """An output that was printed."""
    return {"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}


def content(value: object, drawn: bytes | None = None) -> Cell:
    """A value as a notebook stores it: as text, and a figure also as PNG."""
    data: Cell = {"text/plain": repr(value).splitlines(keepends=True)}
    if drawn is not None:
        data["image/png"] = base64.b64encode(drawn).decode()
    return {"data": data, "metadata": {}}


def png(figure: Figure) -> bytes:
    """A figure as a small file."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=PIXELS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
