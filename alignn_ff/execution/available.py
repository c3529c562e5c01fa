"""How much memory a device can give now."""

from pathlib import Path
from typing import Final

import torch

MEMINFO: Final = Path("/proc/meminfo")
CGROUPS: Final = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)
"""Limit, use, and statistics of a container's memory: version 2 and version 1."""


def available_bytes(device: torch.device) -> int | None:
    """What can still be allocated on a device; None where that is not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu":
        return None
    known = [amount for amount in (_of_the_system(MEMINFO), *(_of_a_group(*files) for files in CGROUPS)) if amount]
    return min(known, default=None)


def _of_the_system(meminfo: Path) -> int | None:
    if not meminfo.is_file():
        return None
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _of_a_group(limit: Path, used: Path, statistics: Path) -> int | None:
    """What a container's limit leaves; files in memory that can be dropped count as free."""
    if not (limit.is_file() and used.is_file() and statistics.is_file()):
        return None
    most = limit.read_text().strip()
    if most == "max":
        return None
    fields = dict(line.split() for line in statistics.read_text().splitlines() if line.count(" ") == 1)
    return int(most) - int(used.read_text()) + int(fields.get("inactive_file", 0))
