"""The file of a data set as users name it."""

from pathlib import Path

from alignn_ff.errors import DataError, StructureError
from alignn_ff.io import Source
from alignn_ff.train.datasets.formats import FORMATS
from alignn_ff.train.datasets.keys import DataKeys


def located(path: Path, keys: DataKeys) -> tuple[Path, DataKeys]:
    """The file of a data set as users name it (a folder, ~, FILE@INDEX), and its keys with the index.

    Raises:
        DataError: there is no such file, or its name and the keys choose different records.
    """
    if path.is_dir():
        path = _file_in(path)
    try:
        source = Source.of(path, format_name=keys.data_format, elements=keys.data_elements)
    except StructureError as error:
        raise DataError(f"cannot read training data: {error}") from error
    if source.index is None:
        return source.path, keys
    if keys.data_index is not None:
        raise DataError(f"{path} chooses records, and so does the index that is given; give only one of them")
    return source.path, keys._replace(data_index=source.index)


def _file_in(folder: Path) -> Path:
    names = [name for row in FORMATS.values() for name in row.in_folders]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise DataError(f"the folder {folder} holds none of {', '.join(names)}; name a data file itself")
    return found[0]
