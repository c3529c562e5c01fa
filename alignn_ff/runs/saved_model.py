"""The model of a run that is resumed: found by name or path, and verified by the hash of its file."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from alignn_ff import zoo
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.domain import OutsideWord
from alignn_ff.errors import AlignnError, CheckpointError
from alignn_ff.execution import Limits
from alignn_ff.potential import Potential, load_potential
from alignn_ff.runs.model_record import ModelRecord, software_versions

log = logging.getLogger(__name__)


def find_model(record: ModelRecord, *, elsewhere: str | None = None, outside: OutsideWord = "warn") -> AlignnCalculator:
    """The calculator of a run that is resumed.

    Args:
        record: of the model with which the run began.
        elsewhere: name or path of the model, if the user gave one.
        outside: what the calculator does outside of the training data.

    Raises:
        CheckpointError: the model is missing or changed, or the run was not made with a model of this package.
    """
    if record.sha256 is None:
        raise CheckpointError(
            f"the run was made with the calculator {record.name}, which is not a model file; in Python, "
            "pass it to resume_md(…, calculator=…)"
        )
    places = [elsewhere] if elsewhere is not None else [place for place in (record.name, record.path) if place]
    found: dict[str, str] = {}
    for place in places:
        try:
            found[place] = zoo.sha256_of(zoo.model_file(place))
        except AlignnError:
            continue
        if found[place] == record.sha256:
            return AlignnCalculator(
                _load(place, record),
                outside=outside,
                dispersion=None if record.dispersion is None else record.dispersion.name,
                resident=record.resident,
            )
    if not found:
        retired = zoo.replaced(record.name)
        raise CheckpointError(
            f"the model of this run was not found: looked for {' and '.join(places)}, sha256 {record.sha256}; "
            f"give its path with --model{'' if retired is None else f' ({retired})'}"
        )
    changed = ", ".join(f"{place} (sha256 {digest[:12]}…)" for place, digest in found.items())
    raise CheckpointError(
        f"the model has changed since the run began: {changed}, but the run was made with sha256 "
        f"{record.sha256[:12]}…; restore that model, give its path with --model, or start a new "
        "run from the last frame"
    )


def warn_of_differences(then: ModelRecord, now: ModelRecord, versions: Mapping[str, str]) -> None:
    """Warn if the numbers may differ in their last bits from those of an uninterrupted run."""
    before, after = (
        {**circumstances(record), **known} for record, known in ((then, versions), (now, software_versions()))
    )
    differing = [f"{name} {before[name]} → {after[name]}" for name in before if before[name] != after.get(name)]
    if differing:
        log.warning(
            "the run resumes with different settings (%s), so its numbers will differ in the last bits",
            ", ".join(differing),
        )


def circumstances(record: ModelRecord) -> dict[str, str]:
    """Settings that affect the bits of a model's numbers, in addition to its weights."""
    return {
        name: str(getattr(record, name)) for name in ("dtype", "device", "backend", "threads", "memory_limit_bytes")
    }


def _load(place: str, record: ModelRecord) -> Potential:
    return load_potential(
        place,
        device=record.device or "auto",
        dtype=cast(Any, record.dtype or "float32"),
        backend=cast(Any, record.backend or "auto"),
        limits=Limits(record.memory_limit_bytes),
        uncertainty=cast(Any, record.uncertainty),
    )
