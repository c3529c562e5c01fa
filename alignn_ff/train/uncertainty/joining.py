"""Models of one family and graph, joined in the file of a committee, with the factors that its deviations need.

In: model files, and structures that none of the models was trained on. Out: a model file.
"""

import logging
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Final

import numpy as np
import torch
from ase.data import chemical_symbols

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Checkpoint, Header, Member, SpreadFactors, Uncertainty, UncertaintyMethod
from alignn_ff.errors import ConfigError
from alignn_ff.models import Committee, EnergyModel
from alignn_ff.potential import Potential
from alignn_ff.train.records.record import Record
from alignn_ff.train.start.finetuning import merged_domain
from alignn_ff.train.uncertainty.calibration import Measured, best_factor, best_nll, with_figures
from alignn_ff.train.uncertainty.measuring import measured_on

log = logging.getLogger(__name__)

OTHER_ZERO_EV: Final = 0.5
"""Reference energies of one element that differ by more are of different data."""


def join_models(files: Sequence[Path], output: Path, held_out: Sequence[Record], *, device: torch.device) -> Header:
    """Write a committee of some models, calibrated on labelled structures.

    Args:
        files: of the members, at least two.
        output: the file that is written.
        held_out: structures that no member was trained on; without any, factors stay 1.
        device: where the networks run.

    Returns:
        The header of the file.

    Raises:
        ConfigError: the models differ in family, graph or elements, or are no force fields.
    """
    parts = [checkpoint.load(file) for file in files]
    models = [part.model for part in parts if isinstance(part.model, EnergyModel)]
    _check(parts, models)
    header, model = _joined_header([part.header for part in parts]), Committee(models)
    if held_out:
        uncertainty, factor = _calibrated(header, model, held_out, device)
        header = _with_scale(header, factor).model_copy(update={"uncertainty": uncertainty})
    checkpoint.save(output, header, model.state_dict())
    return header


def _check(parts: Sequence[Checkpoint], models: Sequence[EnergyModel]) -> None:
    first = parts[0].header
    if len(models) != len(parts) or len(parts) < 2 or any(len(model.members) > 1 for model in models):
        raise ConfigError("a committee is made of at least two force fields, each of which is a single model")
    for part in parts[1:]:
        for what in ("model", "graph", "elements"):
            if getattr(part.header, what) != getattr(first, what):
                raise ConfigError(f"the members of a committee have the same {what}, but these models differ in it")


def warn_of_other_zeros(files: Sequence[Path]) -> None:
    """Warn of models whose energies have different zeros, since their spread is then no uncertainty."""
    headers = [checkpoint.load(file).header for file in files]
    if len({header.elements for header in headers}) > 1:
        return  # these are not joined
    references = np.array([header.statistics.reference_energies for header in headers])
    widest = np.ptp(references, axis=0)
    place = int(widest.argmax())
    if widest[place] > OTHER_ZERO_EV:
        log.warning(
            "the reference energies of the members differ by up to %.2f eV (%s): their energies may have different "
            "zeros, and the spread of such models is no uncertainty. Join models that were trained on the same data",
            widest[place],
            chemical_symbols[headers[0].elements[place]],
        )


def _joined_header(headers: Sequence[Header]) -> Header:
    """That of the first member, with what all training sets covered together."""
    members = tuple(Member(header.statistics, header.last_layer) for header in headers)
    merged = reduce(merged_domain, (header.domain for header in headers))
    largest = max(headers, key=lambda header: header.domain.n_structures).domain
    counts = {name: value for name, value in largest.model_dump().items() if name.startswith("n_")}
    domain = merged.model_copy(update={name: getattr(largest, name) for name in counts})  # members share structures
    return headers[0].model_copy(
        update={"members": members, "domain": domain, "last_layer": None, "uncertainty": Uncertainty()}
    )


def _calibrated(
    header: Header, model: Committee, held_out: Sequence[Record], device: torch.device
) -> tuple[Uncertainty, float]:
    """Factors, figures and the better method; and the factor on the scale of the last layers."""
    dtype = next(model.parameters()).dtype
    found = measured_on(Potential("committee", header, model, device=device, dtype=dtype, backend="eager"), held_out)
    model.cpu()
    factors = {name: best_factor(measured) for name, measured in found.items()}
    given = {quantity: factors.get(f"committee {quantity}", 1.0) for quantity in SpreadFactors._fields}
    uncertainty = Uncertainty(energy_by=better_method(found), factors=SpreadFactors(**given))
    scaled = {name: each.times(factors[name]) for name, each in found.items()}
    return with_figures(uncertainty, scaled), factors.get("last_layer energy", 1.0)


def better_method(found: dict[str, Measured]) -> UncertaintyMethod:
    """The method whose deviations of energies make the errors most likely."""
    rivals: dict[UncertaintyMethod, str] = {"committee": "committee energy", "last_layer": "last_layer energy"}
    known = {method: best_nll(found[name]) for method, name in rivals.items() if name in found}
    return min(known, key=lambda method: known[method]) if known else "committee"


def _with_scale(header: Header, factor: float) -> Header:
    """With the scale of each member's last layer multiplied by a factor."""
    members = tuple(
        member
        if member.last_layer is None
        else member._replace(last_layer=member.last_layer._replace(scale=factor * member.last_layer.scale))
        for member in header.members
    )
    return header.model_copy(update={"members": members})
