"""How far an atom's energy reads its surroundings: what atoms of other processes a domain needs.

In: a model. Out: walks over bonds, layer by layer, and a length in Å. A halo that is shorter gives wrong forces without
an error.

Each layer moves the border outwards by the longest of its walks. A convolution on atoms reads neighbours to the cutoff.

A block of the smooth family with angles updates bonds first. It reads, for an atom k, the bonds j→k below the
three-body cutoff. The line graph updates these from the bonds i→j below the same cutoff, with the states of i and j:
two lengths of the three-body cutoff. Moments of a block are sums, over the neighbours of an atom to the cutoff, of what
the block starts from. Their products enter the same block, and the gates of the next block read them at both ends of a
bond. What the next block reads of a neighbour at the cutoff reaches no farther than the state of that neighbour, so
moments do not change the reach.

A block of the published families updates atoms first, from bonds as they were, and bonds afterwards. The new state of a
bond j→k reads the atoms i of bonds i→j as they were before the block. The next block reads it at k, and i is two bonds
away from k. Two blocks walk two cutoffs anyway, and no bond with angles is longer than the cutoff.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alignn_ff.models import AlignnSmooth

Walks = tuple[tuple[float, ...], ...]
"""What one layer reads around an atom: each walk is a row of bonds, shorter than these lengths, Å."""


def smooth_walks(model: "AlignnSmooth") -> tuple[Walks, ...]:
    """Walks of each layer, from the last to the first."""
    config, recipe = model.config, model.recipe
    pair: Walks = ((recipe.line_cutoff, recipe.line_cutoff),) if recipe.compute_line_graph else ()
    one: Walks = ((recipe.cutoff,),)
    layers: tuple[Walks, ...] = (one,) * config.gcn_layers + ((*pair, *one),) * config.alignn_layers
    return layers


def published_walks(model: Any) -> tuple[Walks, ...]:
    """Walks of each layer of a published network."""
    config, cutoff = model.config, model.recipe.cutoff
    hop = cutoff if config.longest_bond is None else min(cutoff, config.longest_bond)
    layers: tuple[Walks, ...] = (((hop,),),) * (config.alignn_layers + config.gcn_layers)
    return layers


def length(layers: tuple[Walks, ...]) -> float:
    """Σ over layers of the longest walk, Å."""
    return float(sum(max(sum(walk) for walk in walks) for walks in layers))


def network_reach(model: "AlignnSmooth") -> float:
    """Σ over blocks with angles of max(cutoff, 2·three-body cutoff) + blocks without angles · cutoff, Å."""
    return length(smooth_walks(model))
