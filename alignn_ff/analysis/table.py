"""The table of observables."""

from typing import Annotated, Final

from alignn_ff.analysis.context import Context
from alignn_ff.analysis.observable import Observable, bond_lengths, regular_times, several_atoms
from alignn_ff.analysis.observables.angles import Angles, angle_rows, draw_angles
from alignn_ff.analysis.observables.coordination import Coordination, coordination_rows, draw_coordination
from alignn_ff.analysis.observables.mean_structure import MeanStructure, displacement_rows
from alignn_ff.analysis.observables.msd import MeanSquaredDisplacement, diffusion_rows, draw_msd
from alignn_ff.analysis.observables.rdf import draw_pair_functions, peak_rows
from alignn_ff.analysis.observables.thermodynamics import Thermodynamics, draw_series, mean_rows
from alignn_ff.analysis.observables.vdos import VibrationalDensity, draw_autocorrelation, draw_spectrum, vibration_rows
from alignn_ff.choices import KeyOf


def _msd(context: Context) -> MeanSquaredDisplacement:
    settings = context.settings
    return MeanSquaredDisplacement(
        context.atoms,
        n_frames=len(context.clock.chosen),
        frame_time_fs=context.frame_time_fs,
        n_blocks=settings.n_blocks,
        fit=(settings.fit_from, settings.fit_to),
        keep_drift=settings.keep_drift,
    )


def _vdos(context: Context) -> VibrationalDensity:
    return VibrationalDensity(
        context.atoms,
        n_frames=len(context.clock.chosen),
        frame_time_fs=context.frame_time_fs,
        window_fs=context.settings.window_fs,
        keep_drift=context.settings.keep_drift,
    )


OBSERVABLES: Final[dict[str, Observable]] = {
    "thermo": Observable(
        "energies, temperature, pressure, volume, density",
        lambda c: Thermodynamics(frame_time_fs=c.clock.frame_time_fs, first_fs=c.clock.first_fs),
        tables={"thermo": draw_series},
        rows=mean_rows,
    ),
    "rdf": Observable(
        "g(r) of every pair of elements, and the running coordination",
        Context.pair_functions,
        needs=(several_atoms,),
        tables={"rdf": draw_pair_functions},
        rows=peak_rows,
    ),
    "coordination": Observable(
        "number of bonds per atom of each element",
        lambda c: Coordination(c.bonds, n_blocks=c.settings.n_blocks),
        needs=(several_atoms, bond_lengths),
        tables={"coordination": draw_coordination},
        rows=coordination_rows,
    ),
    "angles": Observable(
        "angles between the bonds of each element",
        lambda c: Angles(c.bonds, bin_deg=c.settings.angle_bin_deg, n_blocks=c.settings.n_blocks),
        needs=(several_atoms, bond_lengths),
        tables={"angles": draw_angles},
        rows=angle_rows,
    ),
    "msd": Observable(
        "mean squared displacement and diffusion coefficients",
        _msd,
        needs=(regular_times,),
        tables={"msd": draw_msd},
        rows=diffusion_rows,
    ),
    "vdos": Observable(
        "vibrational density of states and velocity autocorrelation",
        _vdos,
        needs=(regular_times,),
        tables={"vdos": draw_spectrum, "vacf": draw_autocorrelation},
        rows=vibration_rows,
    ),
    "mean": Observable(
        "mean structure and RMS displacements",
        lambda c: MeanStructure(c.atoms, keep_drift=c.settings.keep_drift),
        rows=displacement_rows,
        gives_structure=True,
    ),
}
"""Name → observable. A new one is a new row."""

ObservableName = Annotated[str, KeyOf(OBSERVABLES)]
