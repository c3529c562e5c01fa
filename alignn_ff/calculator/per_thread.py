"""What a calculator holds for each thread, so that threads which share one calculator get their own results."""

import threading
from typing import Any

from ase import Atoms

from alignn_ff.graph import VerletSkin
from alignn_ff.potential import Potential
from alignn_ff.resident import ResidentStructure


class PerThread(threading.local):
    """One thread's part of a calculator; each thread starts with an empty one.

    Attributes:
        atoms: structure of the results.
        results: property → value.
        skin: neighbour list that the next steps of this thread reuse.
    """

    def __init__(self) -> None:
        self.atoms: Atoms | None = None
        self.results: dict[str, Any] = {}
        self.skin = VerletSkin()
        self._resident: ResidentStructure | None = None

    def resident_on(self, potential: Potential) -> ResidentStructure:
        """What the device of a potential keeps of the structure of this thread."""
        if self._resident is None:
            self._resident = ResidentStructure(potential)
        return self._resident
