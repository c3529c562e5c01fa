"""What observables are made from: the first frame, the settings, the times, and bonds on demand."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final

from ase import Atoms

from alignn_ff.analysis.clock import Clock
from alignn_ff.analysis.frames import iterate_frames
from alignn_ff.analysis.observables.bonds import Bonds
from alignn_ff.analysis.observables.first_shell import Shell, pairs_behind
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
    def bonds(self) -> Bonds:
        """Longest bond of each pair of elements: as chosen, or the first minimum of g(r); 0 without a first shell."""
        names = self.pair_functions().names
        if self.settings.bond_A is not None:
            return Bonds(self.atoms, dict.fromkeys(names, self.settings.bond_A))
        shells, frame = self._shells()
        behind = pairs_behind(frame, shells)
        lengths = {name: shells[name].minimum_A if name in shells and name not in behind else 0.0 for name in names}
        return Bonds(self.atoms, lengths, behind)

    def _shells(self) -> tuple[dict[str, Shell], Atoms]:
        """The first shell of each pair that has one, and a frame of the middle of the run."""
        functions, frame, chosen = self.pair_functions(), self.atoms, self.clock.chosen
        sample = chosen[:: max(1, len(chosen) // SAMPLED_FRAMES)]
        every = islice(iterate_frames(self.trajectory, self.settings.reading), sample.start, sample.stop, sample.step)
        for number, atoms in enumerate(every):
            functions.add_atoms(atoms, block=0)
            if number == len(sample) // 2:
                frame = atoms
        middles = 0.5 * (functions.edges[1:] + functions.edges[:-1])
        found = {name: first_peak_and_minimum(middles, curve) for name, (curve, _, _) in functions.curves().items()}
        shells = {name: Shell(*map(float, middles[list(where)])) for name, where in found.items() if where is not None}
        return shells, frame
