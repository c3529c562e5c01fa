"""How far a batch is: counts by state and reason, read from its files."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from alignn_ff.batch.folder.manifest import Manifest, items_of
from alignn_ff.batch.folder.shard import Endings, ended, shard_paths


@dataclass(frozen=True)
class BatchStatus:
    """How far a batch is.

    Attributes:
        n_structures: in all.
        states: "done", "not converged", "failed" → number.
        reasons: reason of a failure → number.
        open_shards: shards with structures that have not ended.
        seconds: time that the structures took, added up over processes.
    """

    n_structures: int
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    open_shards: tuple[int, ...] = ()
    seconds: float = 0.0

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""
        return self.n_structures - sum(self.states.values())

    @property
    def all_done(self) -> bool:
        """Whether each structure has a result."""
        return self.states["done"] == self.n_structures

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {
            "n_structures": self.n_structures,
            "n_done": self.states["done"],
            "n_not_converged": self.states["not converged"],
            "n_failed": self.states["failed"],
            "n_open": self.n_open,
            "failed_by_reason": dict(self.reasons),
            "open_shards": list(self.open_shards),
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        parts = [f"{self.states['done']:,} of {self.n_structures:,} done"]
        if self.states["not converged"]:
            parts.append(f"{self.states['not converged']:,} not converged")
        if self.states["failed"]:
            reasons = ", ".join(f"{number:,} {reason}" for reason, number in self.reasons.most_common())
            parts.append(f"{self.states['failed']:,} failed ({reasons})")
        if self.n_open:
            parts.append(f"{self.n_open:,} open in {len(self.open_shards)} shard(s)")
        return ", ".join(parts)


def status_of(folder: str | Path, *, shards: Iterable[int] | None = None) -> BatchStatus:
    """How far a batch is; runs may be writing it.

    Args:
        folder: of the batch.
        shards: those that count; None means all.

    Raises:
        ConfigError: it is not the folder of a batch.
        CheckpointError: its files are damaged.
    """
    folder = Path(folder)
    manifest = Manifest.read(folder)
    counted = set(range(manifest.shards) if shards is None else shards)
    sizes = Counter(item.shard for item in items_of(folder) if item.shard in counted)
    endings, unfinished = Endings(manifest.n_structures), []
    for shard in sorted(counted):
        before = endings.n_over
        for record in ended(shard_paths(folder, shard)):
            endings.add(record)
        if endings.n_over - before < sizes[shard]:
            unfinished.append(shard)
    states, reasons = Counter[str](), Counter[str]()
    for (state, reason), number in endings.count().items():
        states[state] += number
        if state == "failed":
            reasons[reason] += number
    return BatchStatus(sum(sizes.values()), states, reasons, tuple(unfinished), endings.seconds)
