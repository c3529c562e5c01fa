"""Which families have a network in TorchScript: one table, name of the family → how its network is made.

A family from outside the package is one more row. Its module has a ``forward(surroundings)`` that TorchScript compiles
and that returns the energy of each atom, (n_atoms,) float64, eV.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from torch import nn

from alignn_ff.export.reach import Walks, published_walks, smooth_walks
from alignn_ff.export.torchscript.published import ScriptedPublished
from alignn_ff.export.torchscript.smooth import ScriptedSmooth


class ScriptedFamily(NamedTuple):
    """How a family is scripted.

    Attributes:
        network: model → the network that TorchScript compiles.
        longest_bond: model → Å, longer bonds of the graph are left out; None: all are kept.
        walks: model → what each layer reads, see ``alignn_ff.export.reach``; None: unknown, and programs that divide
            space cannot run the family.
        takes_prefixes: whether each layer leaves out the last rows that it does not read (``Surroundings.read``); needs
            ``walks``.
    """

    network: Callable[[Any], nn.Module]
    longest_bond: Callable[[Any], float | None] = lambda _model: None
    walks: Callable[[Any], tuple[Walks, ...]] | None = None
    takes_prefixes: bool = False


_PUBLISHED: Final = ScriptedFamily(
    ScriptedPublished, lambda model: model.config.longest_bond, published_walks, takes_prefixes=True
)

NETWORKS: Final[dict[str, ScriptedFamily]] = {
    "alignn_smooth": ScriptedFamily(ScriptedSmooth, walks=smooth_walks),
    "alignn_atomwise": _PUBLISHED,
    "alignn_atomwise_pure": _PUBLISHED,
    "ealignn_atomwise": _PUBLISHED,
}


def scripted_refusal(family: str) -> str | None:
    """Why a family cannot be exported, None where it can."""
    if family in NETWORKS:
        return None
    return f"it is for {', '.join(NETWORKS)}, and the model is of the family {family}"
