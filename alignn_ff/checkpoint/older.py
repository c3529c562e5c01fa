"""Contents of older model files in the form of the next version."""

import json
from collections.abc import Callable
from typing import Final

from torch import Tensor

from alignn_ff.models import Products, posterior_factor

OLD_NAME: Final = "last_layer.covariance"


def with_factors(content: dict[str, object]) -> dict[str, object]:
    """Last layers of version 6, the matrix F of energies, as the factors of version 7, with the same deviations."""
    state = content.get("state")
    if not isinstance(state, dict) or not any(str(name).endswith(OLD_NAME) for name in state):
        return content
    header = json.loads(str(content["header"]))
    found = dict[str, Tensor]()
    for name, value in state.items():
        if not name.endswith(OLD_NAME):
            found[name] = value
            continue
        owner = name.removesuffix(OLD_NAME)
        place = owner.removeprefix("models.").removesuffix(".")
        _, _, ridge, _, _, *derived = header["members"][int(place)][-1] if place else header["last_layer"]
        of_forces, of_stress = (ridge if each is None else each[1] for each in (*derived, None, None)[:2])
        for quantity, regulariser in (("energy", ridge), ("force", of_forces), ("stress", of_stress)):
            found[f"{owner}last_layer.{quantity}_factor"] = _factor(value, regulariser)
    return {**content, "state": found}


def _factor(covariance: Tensor, regulariser: float) -> Tensor:
    """L with L·Lᵀ = (F + ς)⁻¹: that of errors that are the same for all labels."""
    return posterior_factor(Products(covariance, covariance), regulariser)


UPGRADES: Final[dict[int, Callable[[dict[str, object]], dict[str, object]]]] = {
    1: lambda content: content,  # 2 adds scaled outputs and the model that a fine-tuned one started from
    2: lambda content: content,  # 3 adds ends of the repulsion per pair; without them it ends at the sum of the radii
    3: lambda content: content,  # 4 adds volumes, pairs, lone atoms and dimers to the domain; without them: not known
    4: lambda content: content,  # 5 adds committees and uncertainties; without them: one model, no uncertainty
    5: lambda content: content,  # 6 adds scales of forces and stress to last layers; without them: those of energies
    6: with_factors,  # 7 holds factors of last layers, and points of calibration plots; without them: no plot
    7: lambda content: content,  # 8 adds bounds of the energies of atoms; without them: no bounds
}
"""Version n → function that turns a file's content into version n + 1."""
