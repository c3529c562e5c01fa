"""The page about all models as Markdown, made from their cards: one table, and advice for each model."""

from collections.abc import Iterable, Sequence
from typing import Final

from alignn_ff.zoo.cards import NOT_STATED, ModelCard

MOST_ELEMENTS: Final = 12
TITLES: Final = {
    "energy_MAE_meV_per_atom": "E (meV/atom)",
    "force_MAE_eV_per_A": "F (eV/Å)",
    "stress_MAE_GPa": "stress (GPa)",
}
COLUMNS: Final = ("model", "elements", *TITLES.values(), "size", "speed", "licence", "DOI", "data")


def models_table(cards: Iterable[ModelCard]) -> str:
    """One row per model; errors are those of held-out data, weighted by the number of structures.

    Kinds that a teacher labelled do not count.

    Columns that would be empty are left out. Of the data, the table has what its sentence says before a semicolon; the
    section of the model has all.
    """
    rows = [dict(zip(COLUMNS, _row(card), strict=True)) for card in cards]
    shown = [name for name in COLUMNS if any(row[name] for row in rows)]
    lines = [_line(row[name] for name in shown) for row in rows]
    return "\n".join([_line(shown), _line(["---"] * len(shown)), *lines, ""])


def model_section(card: ModelCard) -> str:
    """What one model is good for and what not, its errors by kind of data, its properties."""
    parts = [f"## {card.name}\n", f"{card.summary}\n"]
    facts = [f"Data: {card.data} ({card.level_of_theory}; {card.data_licence}; {card.data_reference})."]
    facts.append(f"Family `{card.family}`, {card.n_parameters:,} parameters, cutoff {card.cutoff_A:g} Å.")
    if card.url is not None:
        facts.append(f"Not in the wheel: `alignn-ff zoo fetch {card.name}` downloads it once and compares its SHA-256.")
    parts.append(" ".join(facts) + "\n")
    pairs = ["pairs of elements never seen together: " + _some(card.unseen_pairs)] if card.unseen_pairs else []
    for title, sentences in (("Good for", card.good_for), ("Not for", [*card.not_for, *card.not_in_data, *pairs])):
        if sentences:
            parts.append("\n".join([f"**{title}**\n", *(f"- {sentence}" for sentence in sentences), ""]))
    return "\n".join([*parts, *_held_out(card), *_properties(card)])


def _held_out(card: ModelCard) -> list[str]:
    if not card.held_out:
        return ["Its card states no errors by kind of data.\n"]
    names = [name for name in TITLES if any(name in kind.metrics for kind in card.held_out)]
    lines = [_line(["held out", "structures", "shape", *(TITLES[name] for name in names)])]
    lines.append(_line(["---"] * (3 + len(names))))
    for kind in card.held_out:
        numbers = [f"{kind.metrics[name]:.3g}" if name in kind.metrics else "" for name in names]
        lines.append(_line([kind.kind, str(kind.n_structures), ", ".join(kind.shapes), *numbers]))
    return ["\n".join([*lines, ""])]


def _properties(card: ModelCard) -> list[str]:
    if not card.properties:
        return []
    lines = [_line(["property", "model", "reference", "source"]), _line(["---"] * 4)]
    for row in card.properties:
        reference = "" if row.reference is None else f"{row.reference:g} {row.unit}"
        lines.append(_line([row.name, f"{row.value:g} {row.unit}", reference, row.source if reference else ""]))
    return ["\n".join([*lines, ""])]


def _row(card: ModelCard) -> list[str]:
    elements = " ".join(card.elements) if len(card.elements) <= MOST_ELEMENTS else f"{len(card.elements)} elements"
    errors = [_mean_error(card, name) for name in TITLES]
    speed = "" if card.speed_us_per_atom is None else f"{card.speed_us_per_atom:g} µs/atom ({card.speed_on})"
    size = "" if card.n_bytes is None else f"{card.n_bytes / 1e6:.1f} MB"
    doi = "" if card.doi is None else f"[{card.doi}](https://doi.org/{card.doi})"
    licence = "" if card.licence == NOT_STATED else card.licence
    return [f"[{card.name}](#{card.name})", elements, *errors, size, speed, licence, doi, _first_clause(card.data)]


def _first_clause(sentence: str) -> str:
    """A sentence to its first semicolon outside of parentheses."""
    depth = 0
    for place, letter in enumerate(sentence):
        depth += (letter == "(") - (letter == ")")
        if letter == ";" and depth == 0:
            return sentence[:place]
    return sentence


def _mean_error(card: ModelCard, name: str) -> str:
    kinds = [kind for kind in card.held_out if kind.kind not in card.teacher_kinds]
    known = [(kind.n_structures, kind.metrics[name]) for kind in kinds if name in kind.metrics]
    if not known:
        return ""
    total = sum(number for number, _ in known)
    return f"{sum(number * error for number, error in known) / total:.3g}"


def _some(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > MOST_ELEMENTS else ""
    return ", ".join(names[:MOST_ELEMENTS]) + more


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
