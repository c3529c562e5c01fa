"""How far an atom's energy reads its surroundings: what atoms of other processes a domain needs.

In: a model of the smooth family. Out: a length in Å. A halo that is shorter gives wrong forces without an error.

Each layer moves the border outwards. A convolution on atoms reads neighbours to the cutoff. A block with angles reads,
for an atom k, the bonds j→k below the three-body cutoff. The line graph updates these from the bonds i→j below the same
cutoff, with the states of i and j: two lengths of the three-body cutoff. Moments of a block are sums, over the
neighbours of an atom to the cutoff, of what the block starts from. Their products enter the same block, and the gates
of the next block read them at both ends of a bond. What the next block reads of a neighbour at the cutoff reaches no
farther than the state of that neighbour, so moments do not change the reach.
"""

from alignn_ff.models import AlignnSmooth


def network_reach(model: AlignnSmooth) -> float:
    """Σ over blocks with angles of max(cutoff, 2·three-body cutoff) + blocks without angles · cutoff, Å."""
    config, recipe = model.config, model.recipe
    pair = 2.0 * recipe.line_cutoff if recipe.compute_line_graph else 0.0
    return config.alignn_layers * max(recipe.cutoff, pair) + config.gcn_layers * recipe.cutoff
