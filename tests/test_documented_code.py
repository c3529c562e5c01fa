"""Code in README and docs: Python imports what exists, the front page runs, commands and their options exist."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from alignn_ff.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")])]


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a language; of a notebook also its cells of code, which are Python."""
    text, code = page.read_text(encoding="utf-8"), list[str]()
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code" and language == "python"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return code + re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=named)
def test_python_of_a_page_imports_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.parse(block).body:
            if isinstance(node, ast.Import | ast.ImportFrom) and "alignn_ff" in ast.unparse(node):
                imports(ast.unparse(node), page)


def imports(line: str, page: Path) -> None:
    """Run an import; a package of an extra that is not installed is all that may be missing."""
    missing = ""
    try:
        exec(compile(line, str(page), "exec"), {})
    except ModuleNotFoundError as error:
        missing = str(error.name)
    assert not missing.startswith("alignn_ff")


def test_python_of_the_front_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks(ROOT / "docs" / "index.md", "python"):
        exec(compile(block, "index.md", "exec"), names)
    assert "steps, " in capsys.readouterr().out


def command_lines(page: Path) -> Iterator[list[str]]:
    """Words of each line of shell code that calls the program, up to a pipe or redirection."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;", line):
                words = shlex.split(part, comments=True)
                program = [i for i, word in enumerate(words) if Path(word).name == "alignn-ff"]
                if program:
                    rest = words[program[0] + 1 :]
                    ends = [i for i, word in enumerate(rest) if word in {"|", ">", "2>&1", "&"}]
                    yield rest[: ends[0]] if ends else rest


def complaint(words: list[str]) -> str | None:
    """What is wrong with a command line."""
    command: Any = get_command(app)
    while words and hasattr(command, "get_command") and not words[0].startswith("-"):
        if words[0].isupper():
            return None  # stands for any command
        found = command.get_command(None, words[0])
        if found is None:
            return f"there is no command {words[0]}"
        command, words = found, words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
    unknown = [word for word in given if word not in known | {"--help", "--version"}]
    return f"{unknown[0]} is not an option of it" if unknown else None


@pytest.mark.parametrize("page", [page for page in PAGES if list(command_lines(page))], ids=named)
def test_commands_of_a_page_and_their_options_exist(page: Path) -> None:
    wrong = [f"alignn-ff {' '.join(words)}: {why}" for words in command_lines(page) if (why := complaint(words))]
    assert not wrong
