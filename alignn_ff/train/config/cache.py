"""Config fields of the graph cache."""

from pydantic import Field

from alignn_ff.train.config.sections import Section


class CacheFields(Section):
    """Graph caching."""

    use_lmdb: bool = Field(
        True,
        description="hold graphs in an LMDB file, so that memory does not grow with their number; false: in memory",
    )
    read_existing: bool = Field(
        False,
        description="true: an existing cache must be of these records and graphs; false: one that is not is built "
        "anew. A cache of these records and graphs is reused either way",
    )
    filename: str = Field(
        "sample",
        description="prefix of the graph cache, <filename>_graphs, in output_dir or at an absolute path",
    )
    save_dataloader: bool = Field(
        False, description="write dataloader.json: ids of the splits and digest of the cache, no pickle"
    )
