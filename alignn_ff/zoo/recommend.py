"""Which model suits a structure: all of a zoo, the best first, with reasons.

A model must cover the elements. Models that have seen all pairs of these elements come first, then those made for few
elements, since the errors of a model of many elements are on other data, then those with the smallest error on the
held-out data that the structure is most like, then those with fewer elements.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from ase import Atoms
from ase.data import chemical_symbols

from alignn_ff.domain.pairs import pair_name
from alignn_ff.errors import ElementNotCoveredError
from alignn_ff.zoo.cards import ModelCard, cards, shipped_cards
from alignn_ff.zoo.kinds import KindErrors, nearest

MANY: Final = 12
"""A model of more elements is one of many."""


class Recommendation(NamedTuple):
    """One model for some structures.

    Attributes:
        card: of the model.
        missing: symbols of the elements that it does not cover.
        unseen: pairs of elements that it has never seen together.
        likest: of each structure the kind of held-out data that it is most like.
        here: whether its file is on this machine.
    """

    card: ModelCard
    missing: tuple[str, ...]
    unseen: tuple[str, ...]
    likest: tuple[KindErrors, ...]
    here: bool

    @property
    def name(self) -> str:
        """Value of ``--model``."""
        return self.card.name

    @property
    def covers(self) -> bool:
        """Whether it covers all elements."""
        return not self.missing

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it has its place, a phrase each."""
        if self.missing:
            return (f"does not cover {', '.join(self.missing)}",)
        phrases = [f"covers {_elements(self.card)}"]
        if self.unseen:
            phrases.append(f"never saw {', '.join(self.unseen)} together: their interaction is a guess")
        worst = max(self.likest, key=lambda kind: kind.error, default=None)
        if worst is not None:
            phrases.append(worst.in_words())
        elif not self.card.held_out:
            phrases.append("its card states no errors by kind of data")
        if not self.here:
            phrases.append(f"is not on this machine: alignn-ff zoo fetch {self.name}")
        return tuple(phrases)

    @property
    def sentence(self) -> str:
        """The choice and its reasons."""
        return f"model {self.name}: {'; '.join(self.reasons)}"

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        likest = [kind.model_dump(mode="json") for kind in self.likest]
        return {"name": self.name, "covers": self.covers, "here": self.here, "reasons": self.reasons} | {
            "unseen_pairs": self.unseen,
            "nearest_held_out": likest,
        }


def recommend(
    atomic_numbers: Iterable[int], structures: Sequence[Atoms] = (), *, among: Sequence[ModelCard] | None = None
) -> list[Recommendation]:
    """All models, the best first; those that do not cover the elements are last.

    Args:
        atomic_numbers: of all structures that the model is for.
        structures: these, or examples of them, which are compared with the held-out data of each model.
        among: cards; None: shipped and added models.
    """
    needed = {chemical_symbols[int(number)]: int(number) for number in atomic_numbers}
    pairs = {pair_name(*pair) for pair in combinations(needed.values(), 2)}
    found = [
        Recommendation(
            card,
            missing=tuple(symbol for symbol in sorted(needed) if symbol not in card.elements),
            unseen=tuple(pair for pair in card.unseen_pairs or () if pair in pairs),
            likest=tuple(kind for atoms in structures if (kind := nearest(card.held_out, atoms)) is not None),
            here=card.present_file is not None,
        )
        for card in (cards() if among is None else among)
    ]
    return sorted(found, key=_place)


def choose(atomic_numbers: Iterable[int], structures: Sequence[Atoms] = ()) -> Recommendation:
    """What ``auto`` takes: the best shipped model whose file is here.

    Models that a user added are never chosen; they are used by name only, as is one that has to be downloaded.

    Raises:
        ElementNotCoveredError: no model covers all elements.
    """
    numbers = sorted({int(number) for number in atomic_numbers})
    shipped = shipped_cards()
    ranked = recommend(numbers, structures, among=shipped)
    best = next((found for found in ranked if found.covers and found.here), None)
    if best is not None:
        return best
    there = "; ".join(f"{card.name} ({_elements(card)})" for card in shipped) or "none"
    elsewhere = [found.name for found in ranked if found.covers]
    fetch = f". {elsewhere[0]} covers them: alignn-ff zoo fetch {elsewhere[0]}" if elsewhere else ""
    symbols = ", ".join(chemical_symbols[z] for z in numbers)
    raise ElementNotCoveredError(
        f"no shipped model covers {symbols}. Shipped models: {there}{fetch}. Give "
        "your own with --model PATH, or train one: alignn-ff train config.json --data your.extxyz"
    )


def _place(found: Recommendation) -> tuple[object, ...]:
    worst = max((kind.error for kind in found.likest), default=math.inf)
    n_elements = len(found.card.elements)
    return (len(found.missing), len(found.unseen), n_elements > MANY, worst, n_elements, found.name)


def _elements(card: ModelCard) -> str:
    """Its elements; of many, their number."""
    return ", ".join(card.elements) if len(card.elements) <= MANY else f"{len(card.elements)} elements"
