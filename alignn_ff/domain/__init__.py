"""What a model has seen: ranges of its training data, checks of a structure against them, and what to do outside."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.domain.actions import OUTSIDE, OutsideWord
    from alignn_ff.domain.checks import CHECKS, Check, Evaluated, Outside
    from alignn_ff.domain.findings import Finding, OutsideError, sentences
    from alignn_ff.domain.guard import DomainGuard
    from alignn_ff.domain.pairs import pair_name, seen_pairs, unseen_pairs

__all__ = [
    "CHECKS",
    "OUTSIDE",
    "Check",
    "DomainGuard",
    "Evaluated",
    "Finding",
    "Outside",
    "OutsideError",
    "OutsideWord",
    "pair_name",
    "seen_pairs",
    "sentences",
    "unseen_pairs",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.domain.actions": ("OUTSIDE", "OutsideWord"),
        "alignn_ff.domain.checks": ("CHECKS", "Check", "Evaluated", "Outside"),
        "alignn_ff.domain.findings": ("Finding", "OutsideError", "sentences"),
        "alignn_ff.domain.guard": ("DomainGuard",),
        "alignn_ff.domain.pairs": ("pair_name", "seen_pairs", "unseen_pairs"),
    },
)
