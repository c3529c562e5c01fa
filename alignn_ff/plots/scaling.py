"""How costs go with the number of atoms."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from alignn_ff.plots.style import COLOURS, house_style, new_figure


def cost_per_atom(n_atoms: Sequence[int], microseconds: Mapping[str, Sequence[float]]) -> Figure:
    """Time per atom of several parts over the number of atoms, both on logarithmic axes.

    Args:
        n_atoms: ascending.
        microseconds: name of a part → µs per atom at each number of atoms.
    """
    with house_style():
        figure = new_figure(3.4, 2.5)
        axes = figure.subplots()
        for colour, (name, values) in zip(COLOURS, microseconds.items(), strict=False):
            axes.plot(n_atoms[: len(values)], values, "o-", color=colour, markersize=3, label=name)
        axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="time (µs/atom)")
        axes.legend(loc="upper right")
    return figure
