"""From the words of a user to a model in memory: name or path, device, precision. Every loader goes through here."""

import logging
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar, get_args

import torch
from ase import Atoms
from ase.data import chemical_symbols

from alignn_ff import checkpoint, zoo
from alignn_ff.checkpoint import Header
from alignn_ff.display import Displayed, Sheet, elements_in_words
from alignn_ff.errors import ConfigError
from alignn_ff.forks import refuse_lost_threads
from alignn_ff.models import EnergyModel, PropertyModel

log = logging.getLogger(__name__)

Precision = Literal["float32", "float64"]
UncertaintyWord = Literal["energy", "forces"]
"""Standard deviations that are computed: "forces" adds those of forces and stress from a last layer."""

Model = TypeVar("Model", bound=torch.nn.Module)

DTYPES: Final[dict[str, torch.dtype]] = {"float32": torch.float32, "float64": torch.float64}
"""Words for the precision of a network."""

assert tuple(DTYPES) == get_args(Precision)


class ModelSource(NamedTuple):
    """Where a model was read from.

    Attributes:
        origin: a key of ``zoo.ORIGINS``.
        file: absolute path.
        sha256: of the file when it was read.
    """

    origin: zoo.Origin
    file: Path
    sha256: str


class Opened(NamedTuple):
    """A model in memory, and where it should run.

    Attributes:
        name: as the user gave it, or of the model that "auto" has chosen.
        source: the file that it was read from.
        header: config, graph recipe, elements, provenance.
        model: in the precision of its file, on the CPU.
        device, dtype: that the user asked for.
    """

    name: str
    source: ModelSource
    header: Header
    model: EnergyModel | PropertyModel
    device: torch.device
    dtype: torch.dtype


class LoadedModel(Displayed):
    """What potentials and predictors show of themselves.

    Attributes:
        name: of the model.
        header: config, graph recipe, elements, training domain.
        source: the file that it was read from; None if it was made in memory.
        device, dtype: of the network.
    """

    name: str
    header: Header
    source: ModelSource | None
    device: torch.device
    dtype: torch.dtype

    def brief(self) -> str:
        """Name, family, elements, precision and device."""
        header = self.header
        elements = elements_in_words([chemical_symbols[z] for z in header.elements])
        return f"{self.name}: {header.model.name}, {elements}, {self._precision} on {self.device}"

    def sheet(self) -> Sheet:
        """Family, elements, graph, training data, file."""
        header, domain = self.header, self.header.domain
        facts: dict[str, object] = {
            "model": self.name,
            "family": header.model.name,
            "elements": " ".join(chemical_symbols[z] for z in header.elements),
            "members of a committee": len(header.members) or None,
            "cutoff_A": header.graph.cutoff,
            "three_body_cutoff_A": header.graph.three_body_cutoff,
            "precision": self._precision,
            "device": str(self.device),
            "training_structures": domain.n_structures or None,
            "training_atoms": domain.n_atoms or None,
        }
        if self.source is not None:
            facts |= {"file": str(self.source.file), "SHA-256": self.source.sha256}
        return Sheet(facts)

    @property
    def _precision(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def open_model(name_or_path: str | Path, *, device: str, dtype: str, for_atoms: Atoms | None = None) -> Opened:
    """Read a model by zoo name, file or folder.

    Args:
        name_or_path: a name of the zoo, a model file, a folder with one, or a folder of the published package; text
            without a separator is a path only if no model has that name. "auto" takes the shipped model that fits
            ``for_atoms``.
        device: see :func:`select_device`.
        dtype: see :func:`select_dtype`.
        for_atoms: structure that "auto" chooses a model for.

    Raises:
        ModelNotFoundError, CheckpointError, ElementNotCoveredError, ConfigError, ForkedProcessError
    """
    chosen_device, chosen_dtype = select_device(device), select_dtype(dtype)
    refuse_lost_threads(chosen_device)
    if str(name_or_path) == "auto":
        if for_atoms is None:
            raise ConfigError('the model "auto" is chosen by elements, so a structure is needed; name a model instead')
        chosen = zoo.choose(for_atoms.numbers, [for_atoms])
        log.info("auto took %s", chosen.sentence)
        name_or_path = chosen.name
    source = find_source(name_or_path)
    loaded = checkpoint.load(source.file)
    return Opened(str(name_or_path), source, loaded.header, loaded.model, chosen_device, chosen_dtype)


def find_source(name_or_path: str | Path) -> ModelSource:
    """Where the model of a name or path is read from.

    Raises:
        ModelNotFoundError, CheckpointError
    """
    file, origin = zoo.find(name_or_path)
    return ModelSource(origin, file.absolute(), zoo.sha256_of(file))


def select_dtype(dtype: str) -> torch.dtype:
    """The torch dtype for a user's word.

    Raises:
        ConfigError: it is not one of :data:`DTYPES`.
    """
    if dtype not in tuple(DTYPES):
        raise ConfigError(f"dtype is {dtype!r}; allowed are {', '.join(DTYPES)}")
    return DTYPES[dtype]


def select_device(device: str) -> torch.device:
    """The torch device for a user's word: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        ConfigError: there is no such device here, or models do not run on it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen).cpu()  # fails on "meta", which has no numbers
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        raise ConfigError(
            f"device {device!r} is not available here ({_reason(error)}); use auto, cpu or cuda"
        ) from error
    return chosen


def _reason(error: Exception) -> str:
    """Why torch refuses a device, without the list of all kinds that it was written for."""
    first = str(error).partition("\n")[0]
    return "torch has no such kind of device" if first.startswith("Expected one of") else first


def cast_network(model: Model, dtype: torch.dtype) -> Model:
    """Cast the parameters; buffers are constants and keep their float64."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    return model
