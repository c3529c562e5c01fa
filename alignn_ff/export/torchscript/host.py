"""What hosts without a JSON reader need to know of a TorchScript file: lines "key value" in an entry of its own.

In: a force field. Out: text that ``pair_style alignn/torch`` reads; ``interfaces/lammps/source/torch`` reads it.
"""

from typing import Final

from ase.data import chemical_symbols

from alignn_ff.export.reach import length
from alignn_ff.export.torchscript.networks import NETWORKS, scripted_refusal
from alignn_ff.graph.strategies import STRATEGIES
from alignn_ff.potential import Potential

ENTRY: Final = "alignn_ff_host.txt"
VERSION: Final = 1


def domain_refusal(potential: Potential) -> str | None:
    """Why a host that finds neighbours by itself cannot run a model, None where it can."""
    family, recipe = potential.header.model.name, potential.header.graph
    if family not in NETWORKS:
        return scripted_refusal(family)
    if NETWORKS[family].walks is None:
        return f"the family {family} does not say how far its layers read (walks in its row of NETWORKS)"
    if not STRATEGIES[recipe.neighbor_strategy].smooth:
        return (
            f"its graph is {recipe.neighbor_strategy}, where an atom chooses its nearest neighbours, and such programs "
            "have all pairs below a cutoff; a model with the graph radius_graph can run"
        )
    return None


def host_lines(potential: Potential) -> str:
    """Lines "key value": name, dtype, elements, cutoff and reach (Å), and what each layer reads."""
    header, recipe = potential.header, potential.header.graph
    refusal = domain_refusal(potential)
    walks = NETWORKS[header.model.name].walks
    layers = () if walks is None else walks(potential.model)
    thin = recipe.compute_line_graph and not recipe.own_image_angles
    lines = {
        "format_version": VERSION,
        "refusal": refusal or "none",
        "model": " ".join(potential.name.split()),
        "dtype": str(potential.dtype).removeprefix("torch."),
        "elements": " ".join(chemical_symbols[z] for z in header.elements),
        "atomic_numbers": " ".join(map(str, header.elements)),
        "cutoff": repr(float(recipe.cutoff)),
        "reach": repr(length(layers)),
        "walks": " ".join("/".join("+".join(map(repr, walk)) for walk in walks) for walks in layers),
        "needs_neighbors": int(recipe.cutoff_extra > 0),
        "own_image_limit": repr(float(recipe.line_cutoff) if thin else 0.0),
    }
    return "".join(f"{key} {value}\n" for key, value in lines.items())
