"""Hook of MkDocs: small repairs of the HTML of every page.

In: the HTML of a page. Out: the same, where roles of docstrings (``:class:`Name```) are plain code, and options in a
sentence (``--fmax``) do not break after their hyphens.
"""

import re

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):<code>(?:~[\w.]*\.)?")
INLINE = re.compile(r"(?<!</span>)<code>[^<\n]*</code>")
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")


def on_page_content(html: str, **_: object) -> str:
    """The repaired page."""
    return INLINE.sub(lambda code: OPTION.sub(r'<span class="option">\g<0></span>', code[0]), ROLE.sub("<code>", html))
