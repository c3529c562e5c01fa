"""Hook of MkDocs: equations, and small repairs of the HTML of every page.

Fences ``math`` hold LaTeX and become MathML, which browsers draw without scripts. In the HTML, roles of docstrings
(``:class:`Name```) are plain code, options in a sentence (``--fmax``) do not break after their hyphens, links that
are named as a file have its name without the ending, and figures have the size that they were drawn for, so that the
words in all of them are equally large.
"""

import posixpath
import re
import struct
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):<code>(?:~[\w.]*\.)?")
INLINE = re.compile(r"(?<!</span>)<code>[^<\n]*</code>")
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
FIGURE = re.compile(r'<img ([^>]*)src="([^":]+\.png)"')
LINK = re.compile(r"(?<=>)(?:[\w.-]+/)*(?P<name>[\w-]+)\.md(?:#[\w-]+)?</a>")
PIXELS_PER_INCH = 115
"""Of the page, per inch of a figure: its words of 8 points are as large as those of tables."""


def on_config(config: Any) -> Any:
    """The configuration, in which fences ``math`` are equations."""
    fence = {"name": "math", "class": "math", "format": equation}
    config["mdx_configs"].setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def equation(source: str, *_: object, **__: object) -> str:
    """A displayed equation as MathML."""
    return f'<div class="equation">{convert(source, display="block")}</div>'


def on_page_content(html: str, page: Any, config: Any, **_: object) -> str:
    """The repaired page."""
    folder = posixpath.dirname(page.file.src_uri)

    def sized(figure: re.Match[str]) -> str:
        file = Path(config["docs_dir"], posixpath.normpath(posixpath.join(folder, figure[2])))
        width = inches(file.read_bytes()) if file.is_file() else None
        return figure[0] if width is None else f'{figure[0]} width="{round(PIXELS_PER_INCH * width)}"'

    html = LINK.sub(r"\g<name></a>", FIGURE.sub(sized, html))
    return INLINE.sub(lambda code: OPTION.sub(r'<span class="option">\g<0></span>', code[0]), ROLE.sub("<code>", html))


def inches(png: bytes) -> float | None:
    """Width of a picture, if it says how many pixels an inch has."""
    place = png.find(b"pHYs", 0, 4096)
    if place < 0:
        return None
    (pixels,), (per_metre,) = struct.unpack(">I", png[16:20]), struct.unpack(">I", png[place + 4 : place + 8])
    return float(pixels / per_metre / 0.0254)
