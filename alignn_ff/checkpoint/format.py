"""One file holds one model: a JSON header with everything about it, and the weights.

In: a model with what is known of its training. Out: a file that ``torch.load(weights_only=True)`` reads,
so that opening a file from elsewhere never executes code. A file of an older version is upgraded step by
step; one of a newer version is refused.
"""

import io
import math
import warnings
import zipfile
from itertools import chain
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from alignn_ff.checkpoint.older import UPGRADES
from alignn_ff.errors import CheckpointError
from alignn_ff.graph import GraphRecipe
from alignn_ff.io.tensors import write_tensors
from alignn_ff.models import (
    MAX_ATOMIC_NUMBER,
    AnyModelConfig,
    Committee,
    EnergyModel,
    LastLayer,
    LastLayerRecord,
    ModelStatistics,
    PropertyModel,
    build_model,
)

FORMAT: Final = "alignn-ff model"
VERSION: Final = 8


class TrainingDomain(BaseModel):
    """What the training data covered; ``alignn_ff.domain`` compares structures with it.

    What a file of an older version does not hold is None.

    Attributes:
        shortest_distance_A: shortest distance seen of each element pair, "Si-Si" → Å.
        energy_per_atom_eV: lowest and highest energy per atom.
        energy_above_references_eV: the same, less the reference energies of the model.
        volume_per_atom_A3: lowest and highest volume per atom of bulk structures without vacuum, Å³.
        largest_force_eV_per_A: largest force on an atom, eV/Å.
        n_structures, n_atoms: size of the training set.
        n_structures_per_element: structures that hold an element, "Si" → number.
        n_structures_per_pair: structures in which two elements are neighbours within the cutoff, "O-Si" → number.
        n_lone_atoms: structures with an atom of an element that has no neighbours, "Si" → number.
        n_dimers: structures with an isolated pair of atoms, "O-Si" → number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shortest_distance_A: dict[str, float] = {}
    energy_per_atom_eV: tuple[float, float] | None = None
    energy_above_references_eV: tuple[float, float] | None = None
    volume_per_atom_A3: tuple[float, float] | None = None
    largest_force_eV_per_A: float | None = None
    n_structures: int = 0
    n_atoms: int = 0
    n_structures_per_element: dict[str, int] | None = None
    n_structures_per_pair: dict[str, int] | None = None
    n_lone_atoms: dict[str, int] | None = None
    n_dimers: dict[str, int] | None = None


class Provenance(BaseModel):
    """Where a model comes from.

    Attributes:
        created: date and time.
        training_config: of the run, without its data and its output folder.
        data_sha256: of the records.
        epochs: completed.
        started_from: of a fine-tuned model: name and provenance of the one that it started from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    created: str = ""
    alignn_ff_version: str = ""
    torch_version: str = ""
    training_config: dict[str, object] = {}
    data_sha256: str = ""
    epochs: int = 0
    started_from: dict[str, object] = {}

    def shareable(self) -> "Provenance":
        """The same for others to read: of absolute paths, the file and its folder are left."""
        return type(self).model_validate(_without_folders(self.model_dump(mode="json")))


def _without_folders(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_folders(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return "/".join(Path(value).parts[-2:])
    return value


class Member(NamedTuple):
    """One model of a committee.

    Attributes:
        statistics: of its training set.
        last_layer: of its own uncertainty; None without it.
    """

    statistics: ModelStatistics
    last_layer: LastLayerRecord | None = None


class SpreadFactors(NamedTuple):
    """What the standard deviations of a committee are multiplied by, so that they fit errors on held-out structures."""

    energy: float = 1.0
    forces: float = 1.0
    stress: float = 1.0


class CalibrationGroups(NamedTuple):
    """The points of a calibration plot: errors in groups of equal size, in the order of their deviations.

    Attributes:
        deviations, errors: root mean squares of each group; equal where the deviations are right.
        unit: of both.
    """

    deviations: tuple[float, ...]
    errors: tuple[float, ...]
    unit: str


UncertaintyMethod = Literal["committee", "last_layer"]


class Uncertainty(BaseModel):
    """How a model tells its uncertainty, as calibrated on structures that it was not trained on.

    Attributes:
        energy_by: method of the energies' standard deviations: the better calibrated one; None without any.
        factors: on the standard deviations of a committee.
        figures: method and quantity, "committee forces" → figures of the calibration, by name.
        groups: method and quantity → the points of its calibration plot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    energy_by: UncertaintyMethod | None = None
    factors: SpreadFactors = SpreadFactors()
    figures: dict[str, dict[str, float]] = {}
    groups: dict[str, CalibrationGroups] = {}


class Header(BaseModel):
    """Everything about a model except its weights.

    Units are fixed: positions Å, energy eV, forces eV/Å, stress eV/Å³ (tension positive).

    Attributes:
        statistics: of the training set; of a committee those of its first member.
        members: of a committee, at least two; empty for one model.
        last_layer: of the model; the members of a committee have their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: AnyModelConfig
    graph: GraphRecipe
    elements: tuple[int, ...] = Field(min_length=1)
    statistics: ModelStatistics
    units: dict[str, str] = {"length": "Å", "energy": "eV", "force": "eV/Å", "stress": "eV/Å³"}
    domain: TrainingDomain = TrainingDomain()
    provenance: Provenance = Provenance()
    members: tuple[Member, ...] = ()
    last_layer: LastLayerRecord | None = None
    uncertainty: Uncertainty = Uncertainty()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        known = self.elements
        if list(known) != sorted(set(known)) or known[0] < 1 or known[-1] > MAX_ATOMIC_NUMBER:
            raise ValueError(f"elements are {known}; allowed are atomic numbers 1 to {MAX_ATOMIC_NUMBER}, ascending")
        if len(self.members) == 1:
            raise ValueError("a committee has one member; at least two are needed")
        for statistics in (self.statistics, *(member.statistics for member in self.members)):
            self._check(statistics)
        return self

    def _check(self, statistics: ModelStatistics) -> None:
        references = statistics.reference_energies
        if len(references) != len(self.elements):
            raise ValueError(f"{len(references)} reference energies for {len(self.elements)} elements")
        axes, ends = chain.from_iterable(statistics.output_axes), chain.from_iterable(statistics.repulsion_ends)
        bounds = statistics.energy_bounds
        numbers = (*references, *statistics[1:5], *statistics.output_mean, *axes, *ends, *chain.from_iterable(bounds))
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"statistics are not all finite numbers: {statistics}")
        ordered = all(lowest < lower <= upper < highest for lowest, lower, upper, highest in bounds)
        if bounds and (len(bounds) != len(self.elements) or not ordered):
            raise ValueError(f"bounds of the energies of {len(self.elements)} elements are {bounds}")
        for *pair, end in statistics.repulsion_ends:
            if end <= 0 or not all(1 <= z <= MAX_ATOMIC_NUMBER for z in pair):
                raise ValueError(f"the repulsion of the elements {pair} ends at {end} Å; a positive length is needed")


class Checkpoint(NamedTuple):
    """A model read from a file.

    Attributes:
        header: everything about the model except its weights.
        model: with its weights, in the precision of the file, on the CPU, in evaluation mode.
    """

    header: Header
    model: EnergyModel | PropertyModel


def save(path: Path, header: Header, state: dict[str, Tensor]) -> None:
    """Write a model file atomically."""
    write_tensors(path, _content(header, state))


def to_bytes(header: Header, state: dict[str, Tensor]) -> bytes:
    """The content of a model file."""
    buffer = io.BytesIO()
    torch.save(_content(header, state), buffer)
    return buffer.getvalue()


def from_bytes(content: bytes, *, name: str) -> Checkpoint:
    """A model from the content of a model file.

    Args:
        content: result of :func:`to_bytes`.
        name: of the model, for messages.

    Raises:
        CheckpointError: it is of a newer version, or its weights do not fit its config.
    """
    return load_own(Path(name), torch.load(io.BytesIO(content), weights_only=True))


def _content(header: Header, state: dict[str, Tensor]) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "header": header.model_dump_json(),
        "state": {name: tensor.detach().cpu() for name, tensor in state.items()},
    }


def load_own(path: Path, content: object) -> Checkpoint:
    """A model from the content of a model file.

    Raises:
        CheckpointError: not a model file of this package, of a newer version, or with weights that do not fit
            its own config.
    """
    header, state = unpack(path, content)
    if header.members and header.model.kind != "energy":
        raise CheckpointError(f"{path} holds a committee of property models; only force fields have committees")
    with torch.random.fork_rng(
        devices=[]
    ):  # the random weights that are overwritten must not change the caller's random state
        model = model_of(header)
    for name, parameter in model.named_parameters():
        if name in state and state[name].is_floating_point():
            parameter.data = parameter.data.to(state[name].dtype)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit its own config: {error}") from error
    return finished(header, model, path)


def model_of(header: Header) -> EnergyModel | PropertyModel:
    """The model that a header describes, with random weights."""
    if not header.members:
        return _single(header, header.statistics, header.last_layer)
    built = (_single(header, member.statistics, member.last_layer) for member in header.members)
    return Committee([model for model in built if isinstance(model, EnergyModel)])


def _single(header: Header, statistics: ModelStatistics, record: LastLayerRecord | None) -> EnergyModel | PropertyModel:
    model = build_model(header.model, header.graph, header.elements, statistics)
    if record is not None and isinstance(model, EnergyModel):
        model.last_layer = LastLayer(record)
    return model


def finished(header: Header, model: EnergyModel | PropertyModel, path: Path) -> Checkpoint:
    """A model with its weights, ready to be evaluated.

    Raises:
        CheckpointError: a weight is not a finite number.
    """
    broken = [name for name, tensor in model.state_dict().items() if not torch.isfinite(tensor).all()]
    if broken:
        raise CheckpointError(
            f"{path} holds weights that are not finite numbers (NaN or infinity): {', '.join(broken)}"
        )
    model.requires_grad_(False)
    return Checkpoint(header, model.eval())


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Header and weights of a model file, upgraded to the current version.

    Raises:
        CheckpointError: not a model file of this package, damaged, or of a newer version.
    """
    return unpack(path, read_archive(path))


def unpack(path: Path, content: object) -> tuple[Header, dict[str, Tensor]]:
    """Header and weights in the content of a model file, upgraded to the current version.

    Raises:
        CheckpointError: not a model file of this package, or of a newer version.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not an alignn-ff model file; `alignn-ff train` writes such files")
    version = content.get("version")
    if not isinstance(version, int) or version < 1:
        raise CheckpointError(f"{path} has format version {version!r}; allowed are 1 to {VERSION}")
    if version > VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, this alignn-ff reads up to {VERSION}; install a newer alignn-ff"
        )
    for step in range(version, VERSION):
        content = UPGRADES[step](content)
    state = content.get("state")
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise CheckpointError(f"{path} holds no table of weights")
    try:
        return Header.model_validate_json(str(content.get("header"))), state
    except ValidationError as error:
        raise CheckpointError(f"the header of {path} is not valid: {error}") from error


def read_archive(path: Path) -> object:
    """What ``torch.save`` put into a file: checksums compared, nothing executed.

    Raises:
        CheckpointError: the file cannot be read, is damaged, or holds more than plain data and tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch.load compares no checksums
        if damaged is not None:
            raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
        with warnings.catch_warnings(action="ignore"):  # torch warns of foreign archives, then raises
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read the model file {path}: {error.strerror or error}") from error
    except Exception as error:  # zipfile and unpickling raise anything on junk
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged or not a model file (nothing in it was executed): {reason}"
        ) from error
    return content
