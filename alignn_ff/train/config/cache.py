"""Config fields of the graph cache."""

from pydantic import Field

from alignn_ff.train.config.sections import Section


class CacheFields(Section):
    """Graph caching."""

    use_lmdb: bool = Field(True, description="keep built graphs in an LMDB file, so that memory stays bounded")
    read_existing: bool = Field(False, description="reuse the cache of an earlier run where it is of the same graphs")
    filename: str = Field("sample", description="prefix of the names of caches")
    save_dataloader: bool = Field(False, description="write the ids of the splits and the digest of the cache")
