"""The model that a fine-tuned run starts from: read once, it completes the config and decides the graphs."""

from typing import Any, Final, NamedTuple

from torch import Tensor

from alignn_ff import checkpoint, zoo
from alignn_ff.checkpoint import Header
from alignn_ff.errors import ConfigError
from alignn_ff.graph import GraphRecipe
from alignn_ff.train.config import TrainingConfig

OWN_IMAGES: Final = {"own_image_bonds_twice", "own_image_angles"}
"""Fields of a recipe that no config has: those of the start model stay."""


class Start(NamedTuple):
    """A model that a run starts from.

    Attributes:
        name: as given.
        header: of its file.
        state: weights and buffers, on the CPU.
    """

    name: str
    header: Header
    state: dict[str, Tensor]


def load_start(name_or_path: str) -> Start:
    """Read the model that a run starts from.

    Raises:
        ModelNotFoundError, CheckpointError
    """
    loaded = checkpoint.load(zoo.model_file(name_or_path))
    return Start(name_or_path, loaded.header, loaded.model.state_dict())


def member_of(start: Start, place: int) -> Start:
    """What one member of a committee starts from: the member of the same place, or the same model for all.

    Args:
        start: a committee, or one model.
        place: of the member, from 0.
    """
    if not start.header.members:
        return start
    prefix, member = f"models.{place}.", start.header.members[place]
    header = start.header.model_copy(update={"statistics": member.statistics, "members": (), "last_layer": None})
    state = {name.removeprefix(prefix): value for name, value in start.state.items() if name.startswith(prefix)}
    return start._replace(header=header, state=state)


def check_size(config: TrainingConfig, start: Start | None) -> None:
    """Check that a committee starts from one model, or from a committee of the same size.

    Raises:
        ConfigError: it has another number of members.
    """
    n_members = 1 if start is None else len(start.header.members) or 1
    if start is not None and n_members > 1 and config.ensemble != n_members:
        raise ConfigError(
            f"{start.name} is a committee of {n_members} models, but ensemble is {config.ensemble}: set it to "
            f"{n_members} (--committee {n_members}), or start from the model of one member"
        )


def completed_by_start(content: dict[str, Any], start: Start) -> dict[str, Any]:
    """The content of a config, with the model and graph fields of its start where it leaves them out."""
    model, graph = (
        start.header.model.model_dump(),
        start.header.graph.model_dump(exclude={"back_tracking", *OWN_IMAGES}),
    )
    given = content.get("model") or {}
    scheme = start.header.model.outputs.element_features
    features = {} if scheme is None else {"atom_features": scheme}
    if "classification_threshold" in content:
        model.pop("classification", None)
    merged = {**model, **given} if isinstance(given, dict) else given
    size = {"ensemble": len(start.header.members)} if start.header.members else {}
    return {**features, **graph, **size, **content, "model": merged}


def recipe_of(config: TrainingConfig, start: Start | None) -> GraphRecipe:
    """The recipe of a run's graphs: that of its start, if it has one.

    Raises:
        ConfigError: network or graphs of the config differ from those of the start.
    """
    if start is None:
        return config.recipe
    old, new = start.header.model.model_dump(), config.model.model_dump()
    fields = {f"model.{name}": (old.get(name), value) for name, value in new.items() if name not in config.model.HEADS}
    was, now = (r.model_dump(exclude=OWN_IMAGES) for r in (start.header.graph, config.recipe))
    fields |= {name: (was[name], now[name]) for name in was}
    differing = [
        f"  - {name}: {was!r} in {start.name}, {now!r} here" for name, (was, now) in fields.items() if was != now
    ]
    if differing:
        raise ConfigError(
            f"fine-tuning keeps the network and the graphs of {start.name}, but these differ:\n"
            + "\n".join(differing)
            + "\nleave them out, and they are taken from there; heads and loss weights may change"
        )
    return start.header.graph
