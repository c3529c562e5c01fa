"""Hook of MkDocs: each notebook of ``docs/tutorials`` becomes a page, from what is stored in it; nothing runs.

In: ``tutorials/NAME.ipynb``. Out: the page ``tutorials/NAME.html``, its figures ``tutorials/NAME-1.png``, …, and the
notebook itself, which the page links to. The pages need nothing from outside of the site.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

WIDE = "---\nhide: [toc]\n---"  # a notebook has few headings, and lines of 120 characters


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page and its figures for each notebook."""
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        stem = notebook.src_uri.removesuffix(".ipynb")
        text, figures = page_of(json.loads(notebook.content_string), Path(stem).name)
        files.append(File.generated(config, f"{stem}.md", content=text))
        for number, figure in enumerate(figures, start=1):
            files.append(File.generated(config, f"{stem}-{number}.png", content=figure))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links of other pages to notebooks, as GitHub needs them, become links to their pages."""
    if page.file.abs_src_path is None:  # a page of a notebook, which links to the notebook itself
        return markdown
    return re.sub(r"(\]\([^)\s]*)\.ipynb\)", r"\1.md)", markdown)


def page_of(notebook: dict[str, Any], name: str) -> tuple[str, list[bytes]]:
    """Markdown of a notebook, and its figures as PNG."""
    parts: list[str] = []
    figures: list[bytes] = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(fenced("python", source) if cell["cell_type"] == "code" else source)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                figures.append(base64.b64decode(output["data"]["image/png"]))
                parts.append(f"![Figure {len(figures)} of this tutorial]({name}-{len(figures)}.png)")
            else:
                parts.append(fenced("text", "".join(output.get("text") or output["data"]["text/plain"])))
    parts.insert(1, f"[This page as a notebook]({name}.ipynb)")
    return f"{WIDE}\n\n" + "\n\n".join(parts) + "\n", figures


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"
