"""The model of a run that is resumed: found again by name or place, and recognised by the hash of its file."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from alignn_ff import zoo
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import AlignnError, CheckpointError
from alignn_ff.execution import Limits
from alignn_ff.potential import Potential, load_potential
from alignn_ff.runs.model_record import ModelRecord, file_digest, software_versions

log = logging.getLogger(__name__)


def find_model(record: ModelRecord, *, elsewhere: str | None = None) -> AlignnCalculator:
    """The calculator of a run that is resumed.

    Args:
        record: of the model that the run began with.
        elsewhere: name or path where the user says that the model is now.

    Raises:
        CheckpointError: the model is gone or changed, or the run was not made with a model of this package.
    """
    if record.sha256 is None:
        raise CheckpointError(
            f"the run was made with the calculator {record.name}, which no file describes; in Python, "
            "resume_md(…, calculator=…) takes it"
        )
    places = [elsewhere] if elsewhere is not None else [place for place in (record.name, record.path) if place]
    found: dict[str, str] = {}
    for place in places:
        try:
            found[place] = file_digest(zoo.model_file(place))
        except AlignnError:
            continue
        if found[place] == record.sha256:
            return AlignnCalculator(_load(place, record))
    if not found:
        raise CheckpointError(
            f"the model of this run is gone: looked for {' and '.join(places)}, sha256 {record.sha256}; say where it "
            "is with --model"
        )
    changed = ", ".join(f"{place} (sha256 {digest[:12]}…)" for place, digest in found.items())
    raise CheckpointError(
        f"the model has changed since the run began: {changed}, but the run was made with sha256 "
        f"{record.sha256[:12]}…; put that model back or say where it is with --model, or begin anew "
        "from the last frame"
    )


def warn_of_differences(then: ModelRecord, now: ModelRecord, versions: Mapping[str, str]) -> None:
    """Warn where the numbers may not be the same bits as in a run in one go."""
    before, after = (
        {**circumstances(record), **known} for record, known in ((then, versions), (now, software_versions()))
    )
    differing = [f"{name} {before[name]} → {after[name]}" for name in before if before[name] != after.get(name)]
    if differing:
        log.warning(
            "the run resumes under other conditions (%s), so its numbers will differ in the last bits",
            ", ".join(differing),
        )


def circumstances(record: ModelRecord) -> dict[str, str]:
    """What decides the bits of a model's numbers beside its weights."""
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
    )
