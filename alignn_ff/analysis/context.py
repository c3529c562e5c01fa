"""What observables are made from: the first frame, the settings, the times, and bond lengths on demand."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final

from ase import Atoms

from alignn_ff.analysis.clock import Clock
from alignn_ff.analysis.frames import iterate_frames
from alignn_ff.analysis.observables.rdf import PairFunctions, first_peak_and_minimum
from alignn_ff.analysis.settings import ObservableSettings

SAMPLED_FRAMES: Final = 40
"""Frames from which the length of a bond is found."""


@dataclass(frozen=True, eq=False)
class Context:
    """What observables are made from.

    Attributes:
        trajectory: the file.
        atoms: of the first frame.
        settings: how observables are computed.
        clock: of the frames.
    """

    trajectory: Path
    atoms: Atoms
    settings: ObservableSettings
    clock: Clock

    @property
    def frame_time_fs(self) -> float:
        """Time between frames; only for observables that need equally spaced times."""
        assert self.clock.frame_time_fs is not None, "observables in time are left out where it is unknown"
        return self.clock.frame_time_fs

    def pair_functions(self) -> PairFunctions:
        """g(r) with the chosen range and bins."""
        chosen = self.settings
        return PairFunctions(self.atoms, r_max_A=chosen.r_max_A, bin_A=chosen.bin_A, n_blocks=chosen.n_blocks)

    @cached_property
    def bond_lengths_A(self) -> dict[str, float]:  # noqa: N802 - the unit's letter
        """Longest bond of each pair of elements: as chosen, or the first minimum of g(r); 0 without a minimum."""
        functions = self.pair_functions()
        if self.settings.bond_A is not None:
            return dict.fromkeys(functions.names, self.settings.bond_A)
        chosen = self.clock.chosen
        sample = chosen[:: max(1, len(chosen) // SAMPLED_FRAMES)]
        for atoms in islice(
            iterate_frames(self.trajectory, self.settings.reading), sample.start, sample.stop, sample.step
        ):
            functions.add_atoms(atoms, block=0)
        middles = 0.5 * (functions.edges[1:] + functions.edges[:-1])
        found = {name: first_peak_and_minimum(middles, curve) for name, (curve, _, _) in functions.curves().items()}
        return {name: 0.0 if where is None else float(middles[where[1]]) for name, where in found.items()}
