"""A wider model with the same predictions, as a start for further training.

    python examples/universal/widen.py universal wide.pt --hidden-features 96 --moment-channels 48
    alignn-ff train config.json --from wide.pt

New channels read all channels and have random weights; what old channels and the readout read of new ones starts from
zero. So the energy stays what it was, and training brings the new channels in (in the spirit of Chen, Goodfellow and
Shlens, Net2Net, arXiv:1511.05641). The uncertainty of the model is left out: its features have changed.
"""

import argparse
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff.checkpoint import Checkpoint, Header, load, save
from alignn_ff.checkpoint.format import Uncertainty, model_of
from alignn_ff.errors import AlignnError
from alignn_ff.models.alignn_smooth import AlignnSmoothConfig
from alignn_ff.zoo import model_file

WIDTH: Final = "width"
MOMENTS: Final = "moments"


class Axis(NamedTuple):
    """An axis of a weight.

    Attributes:
        number: of the axis.
        of: what its channels belong to, WIDTH or MOMENTS; empty where it does not grow.
    """

    number: int
    of: str


def axes_of(name: str, weight: Tensor) -> tuple[Axis | None, Axis]:
    """The axis that reads channels, None where none does, and that which writes them."""
    if name.endswith(("invariants.pairs", "invariants.triples")):
        return Axis(1, MOMENTS), Axis(2, MOMENTS)
    if name.endswith("moment_gates.ends"):
        return Axis(1, MOMENTS), Axis(2, WIDTH)
    if name.endswith("embedding.weight"):
        return None, Axis(1, WIDTH)
    writes = Axis(0, MOMENTS if ".moments." in name else "" if name.startswith("readout.2") else WIDTH)
    if weight.dim() == 1:
        return None, writes
    radial = "radial" in name or name == "initial_bonds.own.weight" or name.endswith(".gates.weight")
    return Axis(1, "" if radial else MOMENTS if name.endswith("invariants.out.weight") else WIDTH), writes


def places(axis: Axis, weight: Tensor, old: dict[str, int], new: dict[str, int]) -> Tensor:
    """The rows of the wider weight that the channels of the old ``weight`` take; groups of channels stay groups."""
    n_rows = weight.shape[axis.number]
    if not axis.of:
        return torch.arange(n_rows)
    group, channel = torch.arange(n_rows).div(old[axis.of], rounding_mode="floor"), torch.arange(n_rows) % old[axis.of]
    return group * new[axis.of] + channel


def widened(weight: Tensor, wide: Tensor, name: str, old: dict[str, int], new: dict[str, int]) -> Tensor:
    """``wide``, random weights, with the old ones in their places and zero where old channels read new ones."""
    if weight.shape == wide.shape:
        return weight
    reads, writes = axes_of(name, weight)
    taken = [torch.arange(size) for size in weight.shape]
    for axis in (writes, reads):
        if axis is not None:
            taken[axis.number] = places(axis, weight, old, new)
    result = wide.to(weight.dtype)
    if reads is not None:
        result = result.index_fill(writes.number, taken[writes.number], 0.0)
    return result.index_put(torch.meshgrid(taken, indexing="ij"), weight)


def sizes(config: AlignnSmoothConfig) -> dict[str, int]:
    """Channels by what they belong to."""
    return {WIDTH: config.hidden_features, MOMENTS: config.moment_channels}


def wider(loaded: Checkpoint, hidden_features: int, moment_channels: int) -> tuple[Header, dict[str, Tensor]]:
    """Header and weights of a wider model, of the family ``alignn_smooth``, that predicts the same energies.

    Raises:
        ValueError: another family, a committee, a model without moments, or fewer channels than it has.
    """
    header, config = loaded.header, loaded.header.model
    if not isinstance(config, AlignnSmoothConfig) or header.members or not config.moment_channels:
        raise ValueError("only a single model of the family alignn_smooth with moments can be widened")
    if hidden_features < config.hidden_features or moment_channels < config.moment_channels:
        has = f"{config.hidden_features} and {config.moment_channels}"
        raise ValueError(f"{hidden_features} and {moment_channels} channels are asked; the model has {has}: take more")
    grown = config.model_copy(update={"hidden_features": hidden_features, "moment_channels": moment_channels})
    new = header.model_copy(update={"model": grown, "last_layer": None, "uncertainty": Uncertainty()})
    old, wide = loaded.model.state_dict(), model_of(new).state_dict()
    return new, {name: widened(old[name], weight, name, sizes(config), sizes(grown)) for name, weight in wide.items()}


def main() -> None:
    """Write the wider model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="file or name of a model")
    parser.add_argument("output", type=Path, help="file to write")
    parser.add_argument("--hidden-features", type=int, required=True, help="channels of atoms and bonds")
    parser.add_argument("--moment-channels", type=int, required=True, help="channels of the moments")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights of new channels")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    try:
        loaded = load(model_file(arguments.model))
        header, state = wider(loaded, arguments.hidden_features, arguments.moment_channels)
        save(arguments.output, header, state)
    except (AlignnError, OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
