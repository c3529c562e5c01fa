"""A model file beside labelled structures: all its outputs, energies through its potential."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from alignn_ff import checkpoint, zoo
from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.loading import Precision
from alignn_ff.predictor import Predictor, load_predictor
from alignn_ff.train.config import validate_config
from alignn_ff.train.datasets import DataKeys, keys_of, prepare_targets, read_records
from alignn_ff.train.labels import properties
from alignn_ff.train.metrics import Comparison, compare
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import check_covered

RECORDS_AT_ONCE: Final = 256


def evaluate_file(
    name_or_path: str | Path,
    records: Sequence[Record],
    *,
    device: str = "auto",
    dtype: Precision = "float32",
    backend: BackendName = "auto",
    limits: Limits | None = None,
) -> list[Comparison]:
    """Labels beside the predictions of a model that is read from its file.

    Raises:
        ModelNotFoundError, CheckpointError, ElementNotCoveredError, StructureError, ConfigError, CompilerError,
        MemoryLimitError
    """
    predictor = load_predictor(name_or_path, device=device, dtype=dtype, backend=backend, limits=limits)
    advice = "leave these out, or take another model (alignn-ff zoo list)"
    check_covered(records, predictor.header.elements, predictor.name, advice=advice)
    return Evaluator(predictor).compare(records)


def records_for(name_or_path: str | Path, data: str | Path, names: Mapping[str, Any] | None = None) -> list[Record]:
    """Records of a data set with targets as a model learned them: under its keys, multiplied, made classes of.

    A model without a record of its training is compared with the labels as they stand.

    Args:
        name_or_path: of the model.
        data: file or folder.
        names: fields of ``DataKeys`` that take the place of those that the model was trained with.

    Raises:
        ModelNotFoundError, CheckpointError, DataError
    """
    data = Path(data)
    names = names or {}
    header = checkpoint.load(zoo.model_file(name_or_path)).header
    try:
        config = validate_config(header.provenance.training_config)
    except ConfigError:
        return read_records(data, DataKeys(**names))
    if not header.provenance.training_config:
        return read_records(data, DataKeys(**names))
    keys = keys_of(config)._replace(data_format=None, data_index=None, data_elements=())  # these are of other data
    return prepare_targets(read_records(data, keys._replace(**names)), config)


class Evaluator:
    """A loaded model of any kind, ready to be compared with labels."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._potential = predictor.potential

    def compare(self, records: Iterable[Record]) -> list[Comparison]:
        """Labels beside predictions, in the order of the records, of which few are in memory at a time."""
        left, comparisons = iter(records), list[Comparison]()
        while some := list(islice(left, RECORDS_AT_ONCE)):
            comparisons += self._compare(some)
        return comparisons

    def _compare(self, records: Sequence[Record]) -> list[Comparison]:
        if self._potential is None:
            return compare(self._predictor, records)
        energies = compare(self._potential, records)
        left = {kind for kind in properties() for record in records if record.label(kind) is not None} - {"target"}
        if not left - {kind for item in energies for kind in item.pairs}:
            return energies
        further = compare(self._predictor, records)
        return [item._replace(pairs={**more.pairs, **item.pairs}) for item, more in zip(energies, further, strict=True)]
