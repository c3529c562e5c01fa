"""Export a force field: write a file, prove it, add the record of the proof, and only then give it its name."""

import json
from pathlib import Path
from typing import NamedTuple

from alignn_ff.errors import ConfigError
from alignn_ff.export.options import STRESS_UNITS, ExportOptions
from alignn_ff.export.proof import Proof, prove
from alignn_ff.export.targets import TARGETS, Target
from alignn_ff.io import atomic_write, claimed
from alignn_ff.loading import Precision
from alignn_ff.potential import Potential, load_potential


class Exported(NamedTuple):
    """A file that was written.

    Attributes:
        path: of the file.
        target: key of ``TARGETS``.
        model: name of the model.
        beside: files that were written beside it.
        proof: how closely the file agrees with the model.
    """

    path: Path
    target: str
    model: str
    beside: tuple[Path, ...]
    proof: Proof

    def to_json(self) -> dict[str, object]:
        """Numbers and names only."""
        beside = [str(path) for path in self.beside]
        names = {"file": str(self.path), "target": self.target, "model": self.model, "beside": beside}
        return {**names, "proof": self.proof.to_json()}


def export(
    model: str | Path,
    path: str | Path,
    *,
    to: str,
    dtype: Precision = "float32",
    options: ExportOptions = ExportOptions(),  # noqa: B008 - immutable
    overwrite: bool = False,
) -> Exported:
    """Export a force field to a file that is proven before it is kept.

    Args:
        model: zoo name, model file or folder.
        path: of the file; one is only written if it agrees with the model.
        to: a key of ``TARGETS``.
        dtype: precision of the network in the file.
        options: what the target may read.
        overwrite: replace a file that exists.

    Raises:
        ConfigError: there is no such target or unit, the model cannot be exported to it, the file exists, or it
            is the model itself.
        ExportError: the file does not agree with the model; it is not kept.
        ModelNotFoundError, CheckpointError, PropertyModelError
    """
    path = Path(path)
    target = find_target(to, options)
    potential = load_potential(model, device="cpu", dtype=dtype, backend="eager")
    reason = _committee(potential) or target.refusal(potential)
    if reason is not None:
        raise ConfigError(f"{potential.name} cannot be exported to {to}: {reason}")
    factor = STRESS_UNITS[options.stress_unit] if "stress_unit" in target.reads else 1.0
    beside = () if target.beside is None else target.beside.paths(path)
    with claimed([path, *beside], overwrite=overwrite, source=Path(model)):
        with atomic_write(path) as temporary:
            target.write(potential, temporary, options)
            proof = prove(potential, target, temporary, stress_factor=factor)
            target.record(temporary, json.dumps(proof.to_json(), allow_nan=False))
        if target.beside is not None:
            target.beside.write(potential, path)
    return Exported(path, to, potential.name, beside, proof)


def _committee(potential: Potential) -> str | None:
    """Why a committee cannot be exported; None for one model."""
    if potential.n_members == 1:
        return None
    return f"it is a committee of {potential.n_members} models, and a file holds one; export a member of its training"


def find_target(name: str, options: ExportOptions) -> Target:
    """The row of a target, after a check of the options.

    Raises:
        ConfigError: no such target or unit, or an option that the target does not read.
    """
    if name not in TARGETS:
        raise ConfigError(f"target is {name!r}; allowed are {', '.join(TARGETS)}")
    if options.stress_unit not in STRESS_UNITS:
        raise ConfigError(f"stress_unit is {options.stress_unit!r}; allowed are {', '.join(STRESS_UNITS)}")
    usual = ExportOptions()
    for field, value in options._asdict().items():
        if field not in TARGETS[name].reads and value != usual._asdict()[field]:
            raise ConfigError(f"{field} is {value!r}, but a file of the kind {name} does not have it; leave it out")
    return TARGETS[name]
