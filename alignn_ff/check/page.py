"""A report as one HTML page, which needs no network: the table, and figures as SVG."""

import html
from collections.abc import Mapping
from typing import Final

from alignn_ff.check.report import VERDICTS, Report, Row

STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.passed { color: #00734f; } .failed { color: #b00020; font-weight: bold; } .warning { color: #a85b00; }
.expected, .measured, .not { color: #555; }
figure { display: inline-block; margin: 1rem 1rem 0 0; } figure svg { max-width: 100%; height: auto; }
"""


def page(report: Report, figures: Mapping[str, str]) -> str:
    """The page.

    Args:
        report: of a check.
        figures: title → SVG.
    """
    model = report.model
    facts = {
        "model": model.name,
        "elements": " ".join(model.elements),
        "precision": model.dtype,
        "device": model.device,
        "backend": model.backend,
        "SHA-256": model.sha256,
        "effort": f"{report.effort}, {report.seconds:.1f} s",
        "software": ", ".join(f"{name} {version}" for name, version in report.software.items()),
    }
    title = f"Check of {model.name}: {'passed' if report.passed else 'FAILED'}"
    told = "".join(f"<tr><th>{name}</th><td>{html.escape(str(v))}</td></tr>" for name, v in facts.items() if v)
    drawn = "".join(
        f"<figure>{svg}<figcaption>{html.escape(name)}</figcaption></figure>" for name, svg in figures.items()
    )
    verdicts = "".join(f"<li><b>{name}</b>: {meaning}</li>" for name, meaning in VERDICTS.items())
    rows = "".join(_row(row) for row in report.rows)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1><p>{report.in_words}</p>"
        f"<table>{told}</table><h2>Laws</h2><table><thead><tr><th>verdict</th><th>law</th><th>figure</th>"
        f"<th>limit</th><th>where</th></tr></thead><tbody>{rows}</tbody></table><h2>Figures</h2>{drawn}"
        f"<h2>Verdicts</h2><ul>{verdicts}</ul></body></html>\n"
    )


def _row(row: Row) -> str:
    value = "" if row.worst is None else f"{row.worst.value:.3g} {row.worst.unit}"
    limit = "" if row.worst is None or row.worst.limit is None else f"{row.worst.limit:.3g} {row.worst.unit}"
    told = [row.case, row.worst.note if row.worst is not None else "", row.note]
    told += [f"{broken.case}: {broken.reason}" for broken in row.broken]
    where = "<br>".join(html.escape(each) for each in dict.fromkeys(told) if each)
    return (
        f'<tr><td class="{row.verdict}">{row.verdict}</td><td>{html.escape(row.title)}<br>'
        f"<small>{html.escape(row.measured)}</small></td>"
        f'<td class="number">{html.escape(value)}</td><td class="number">{html.escape(limit)}</td><td>{where}</td></tr>'
    )
