"""The page of a report: one HTML file with figures, tables and warnings, which needs no network."""

import base64
import html
from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from alignn_ff.labels import label_of, shown
from alignn_ff.plots.style import figure_png
from alignn_ff.properties.crystal_report import ReportResult
from alignn_ff.properties.result import PropertyResult
from alignn_ff.runs.model_record import software_versions

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
table { border-collapse: collapse; margin: .5rem 0; } td { padding: .15rem 1.5rem .15rem 0; vertical-align: top; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.remark { border-left: 4px solid #d55e00; padding: .3rem .8rem; margin: .5rem 0; background: #d55e0018; }
.columns { display: flex; flex-wrap: wrap; gap: 2rem; } figure { margin: 1rem 0; background: white; padding: .5rem; }
img { max-width: 100%; height: auto; display: block; margin: auto; } footer { margin-top: 3rem; opacity: .75; }
"""


def report_page(result: ReportResult, figures: Mapping[str, Mapping[str, Figure]]) -> str:
    """The page.

    Args:
        result: of the report.
        figures: name of a part → name of a figure → figure.
    """
    formula = html.escape(result.atoms.get_chemical_formula(empirical=True))
    sections = [_section(name, part, figures.get(name, {})) for name, part in result.parts.items()]
    failed = [_remark(f"{name} could not be computed: {reason}") for name, reason in result.failures.items()]
    versions = ", ".join(f"{name} {version}" for name, version in software_versions().items())
    model = f"{result.model.name} ({result.model.dtype}, sha256 {str(result.model.sha256)[:12]})"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{formula}: report</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body><h1>{formula}</h1><p>Computed with the model {html.escape(model)}. "
        "Every number is the model's, not that of a reference calculation.</p>"
        f"{_table(result.summary)}{''.join(failed)}{''.join(sections)}"
        f"<footer>{html.escape(versions)}</footer></body></html>\n"
    )


def _section(name: str, part: PropertyResult, figures: Mapping[str, Figure]) -> str:
    remarks = "".join(_remark(remark.sentence) for remark in part.remarks)
    checks = f"<div><h3>checks</h3>{_table(part.checks)}</div>" if part.checks else ""
    images = "".join(_image(figure, f"{name}: {kind}") for kind, figure in figures.items())
    return (
        f'<h2 id="{html.escape(name)}">{html.escape(name)}</h2>{remarks}<div class="columns"><div><h3>results</h3>'
        f"{_table(part.summary)}</div>{checks}</div>{images}"
    )


def _remark(sentence: str) -> str:
    return f'<p class="remark">{html.escape(sentence)}</p>'


def _table(numbers: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(label_of(name))}</td><td>{html.escape(shown(value))}</td></tr>"
        for name, value in numbers.items()
    )
    return f"<table>{rows}</table>"


def _image(figure: Figure, words: str) -> str:
    """A figure inside the page."""
    text = base64.b64encode(figure_png(figure)).decode()
    return f'<figure><img alt="{html.escape(words)}" src="data:image/png;base64,{text}"></figure>'
