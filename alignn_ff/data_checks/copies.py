"""Findings about structures that are there more than once: within a set, in two sets, with different energies."""

from collections.abc import Sequence
from typing import Final

from alignn_ff.data_checks.findings import DataSet, Finding, named
from alignn_ff.data_checks.likeness import alike

UP_TO: Final = "up to origin, orientation, mirror image and supercell"

CONTRADICTION_EV: Final = 0.005
"""Energies per atom of one structure that differ by more contradict each other."""


def copies(sets: Sequence[DataSet]) -> list[Finding]:
    """Structures that are there twice: within a set, in two sets, with different energies."""
    owners = [(data.name, record) for data in sets for record in data.records]
    labels = [f"{name}/{record.identifier}" if len(sets) > 1 else record.identifier for name, record in owners]
    within: list[int] = []
    across: list[int] = []
    contradicting: list[int] = []
    for group in alike(
        [record for _, record in owners], [environment for data in sets for environment in data.environments]
    ):
        names = {owners[i][0] for i in group}
        if len(names) > 1:
            across.extend(group)
        if len(names) < len(group):
            within.extend(group)
        energies = [r.energy / len(r.atoms) for r in (owners[i][1] for i in group) if r.energy is not None]
        if energies and max(energies) - min(energies) > CONTRADICTION_EV:
            contradicting.extend(group)
    sentences: tuple[tuple[list[int], str, str], ...] = (
        (across, "leak", "structures are in several sets: {}; what is tested on must not be trained on"),
        (within, "duplicates", f"structures are there more than once, {UP_TO}: {{}}"),
        (contradicting, "contradiction", f"structures, {UP_TO}, are there with different energies: {{}}"),
    )
    found = [(kind, text, [labels[i] for i in members]) for members, kind, text in sentences if members]
    return [Finding(kind, f"{len(who)} {text.format(named(who))}", tuple(who)) for kind, text, who in found]
