"""Folders written by the published ``alignn`` package.

In: a folder with ``config.json`` and weights (``best_model.pt``, bare or ``{"model": …}``). Out: a model of this
package with those weights. Weights are read as plain tensors; nothing in a file is executed.

What the published package does with a config is in three places: graphs in ``graph/published.py``, networks and
training in ``models/published/config.py`` and its neighbours, files here. ``published_names.py`` has the names of
weights.
"""

import json
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError
from torch import Tensor

from alignn_ff.checkpoint.format import Checkpoint, Header, Provenance, finished
from alignn_ff.checkpoint.published_names import renamed, table_of_weights
from alignn_ff.elements import SCHEME_WIDTHS, elements_with_features
from alignn_ff.errors import CheckpointError
from alignn_ff.graph import published_recipe
from alignn_ff.models import FAMILIES, ModelStatistics, build_model

CONFIG_NAME: Final = "config.json"

REFUSED: Final[dict[str, str]] = {
    "alignn_atomwise_pure_smooth": (
        "its energy jumps where an edge crosses the cutoff, and its two published forward paths give other energies "
        "for the same weights, so there is not one energy to reproduce; train alignn_smooth on the same data instead"
    ),
}
"""Published families that are not read, with the reason."""

MODEL_DEFAULTS: Final[dict[str, dict[str, object]]] = {
    "alignn": {},
    "alignn_atomwise": {"envelope": "published"},
    "alignn_atomwise_pure": {"envelope": "published", "penalty_factor": 0.5, "use_zbl": None, "three_body_cutoff": 3.5},
    "ealignn_atomwise": {"envelope": "published"},
}
"""Family → what the published code takes for fields that a config lacks, where its documentation has other defaults."""

UNUSED: Final[dict[str, object]] = {"zero_inflated": False}
"""Model fields that the published code accepts and never reads, with the value that has the same effect here."""

NEUTRAL = ModelStatistics(reference_energies=(), scale=1.0, edges_per_atom=1.0, triplets_per_line_node=1.0)
"""Published energies have no references and no scale."""


def is_published(path: Path, content: object) -> bool:
    """Whether a file holds published weights: a table of tensors, with a training config beside it."""
    return (path.parent / CONFIG_NAME).is_file() and table_of_weights(content) is not None


def load_published(path: Path, content: object) -> Checkpoint:
    """A model from the content of a published weights file, and the config beside it.

    Args:
        path: of the weights.
        content: what the file holds, read as plain data.

    Raises:
        CheckpointError: no config, one that is not understood, or weights that do not fit it.
    """
    fields = _read_config(path.parent / CONFIG_NAME)
    header = _header(fields, path.parent / CONFIG_NAME)
    state = table_of_weights(content)
    if state is None:
        raise CheckpointError(f"{path} holds no table of weights")
    with torch.random.fork_rng(devices=[]):
        model = build_model(header.model, header.graph, header.elements, header.statistics)
    _copy_weights(model, renamed(state), path)
    return finished(header, model, path)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("model"), dict):
        raise CheckpointError(f"{path} is not a training config of the published package: it has no section 'model'")
    name = fields["model"].get("name")
    if name in REFUSED:
        raise CheckpointError(f"the family {name!r} of {path} is not supported: {REFUSED[name]}")
    if name not in MODEL_DEFAULTS:
        raise CheckpointError(
            f"{path} is of the family {name!r}, which is not a published one; allowed are {', '.join(MODEL_DEFAULTS)}"
        )
    return fields


def _header(fields: dict[str, Any], path: Path) -> Header:
    """Config, recipe and elements of a published model."""
    given = {**fields["model"], **{name: off for name, off in UNUSED.items() if name in fields["model"]}}
    scheme = fields.get("atom_features", "cgcnn")
    if scheme not in SCHEME_WIDTHS:
        raise CheckpointError(f"{path} has atom_features {scheme!r}; allowed are {', '.join(SCHEME_WIDTHS)}")
    defaults = {**MODEL_DEFAULTS[given["name"]], "atom_input_features": SCHEME_WIDTHS[scheme]}
    try:
        config = FAMILIES[given["name"]].config.model_validate({**defaults, **given})
        recipe = published_recipe(fields)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} ({e['input']!r})" for e in error.errors())
        raise CheckpointError(f"{path} is not a config that this package understands: {problems}") from error
    if config.outputs.element_features != scheme:
        raise CheckpointError(
            f"{path} has atom_features {scheme!r} ({SCHEME_WIDTHS[scheme]} numbers), but atom_input_features "
            f"{given['atom_input_features']}"
        )
    elements = elements_with_features(scheme)
    return Header(
        model=config,
        graph=recipe,
        elements=elements,
        statistics=NEUTRAL._replace(reference_energies=(0.0,) * len(elements)),
        provenance=Provenance(alignn_ff_version="published alignn", training_config=fields),
    )


def _copy_weights(model: torch.nn.Module, state: dict[str, Tensor], path: Path) -> None:
    own = {name for name in ("scale", "reference") if name in model.state_dict()}
    expected = {name: tensor for name, tensor in model.state_dict().items() if name not in own}
    missing, surplus = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    shapes = [
        f"{name} is {tuple(state[name].shape)}, expected is {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    problems = [
        *([f"missing: {_few(missing)}"] if missing else []),
        *([f"not part of this model: {_few(surplus)}"] if surplus else []),
        *([f"of another shape: {_few(shapes)}"] if shapes else []),
    ]
    if problems:
        raise CheckpointError(f"the weights in {path} do not fit its {CONFIG_NAME}: {'; '.join(problems)}")
    model.load_state_dict(state, strict=False)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f", … ({len(names)} in all)" if len(names) > 5 else "")
