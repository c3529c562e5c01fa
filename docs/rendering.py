"""Hook of MkDocs: equations, and small repairs of the HTML of every page.

Fences ``math`` hold LaTeX and become MathML, which browsers draw without scripts. In the HTML, roles of docstrings
(``:class:`Name```) are plain code, and options in a sentence (``--fmax``) do not break after their hyphens.
"""

import re
from typing import Any

from latex2mathml.converter import convert

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):<code>(?:~[\w.]*\.)?")
INLINE = re.compile(r"(?<!</span>)<code>[^<\n]*</code>")
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")


def on_config(config: Any) -> Any:
    """The configuration, in which fences ``math`` are equations."""
    fence = {"name": "math", "class": "math", "format": equation}
    config["mdx_configs"].setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def equation(source: str, *_: object, **__: object) -> str:
    """A displayed equation as MathML."""
    return f'<div class="equation">{convert(source, display="block")}</div>'


def on_page_content(html: str, **_: object) -> str:
    """The repaired page."""
    return INLINE.sub(lambda code: OPTION.sub(r'<span class="option">\g<0></span>', code[0]), ROLE.sub("<code>", html))
