"""What a run at constant enthalpy gives: temperatures with errors, and which slabs are crystal."""

from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.analysis.observables.blocking import Average, average
from alignn_ff.properties.coexistence.config import MeltingConfig
from alignn_ff.properties.coexistence.order import order_of_slabs, slab_of
from alignn_ff.properties.coexistence.phases import Phase, Slabs, frames_of_block, lost_phase
from alignn_ff.properties.dynamics import Moved
from alignn_ff.trajectory import iterate_trajectory
from alignn_ff.units import BOLTZMANN_EV_PER_K, GPA_PER_EV_PER_A3, MEV_PER_EV

Array = NDArray[np.float64]
BLOCKS: Final = 20
"""Parts of the run over which the order of a slab is averaged."""
FEWEST: Final = 0.15
"""Smallest part of the cell that each phase needs."""


class Gone(NamedTuple):
    """A phase that is gone, and what is left.

    Attributes:
        phase: which one.
        time_ps: from which on it was not there.
        temperature_K: mean from then on. The phase vanished there, so it is a bound of the melting temperature.
    """

    phase: Phase
    time_ps: float
    temperature_K: float


class Equilibrium(NamedTuple):
    """A crystal beside its liquid.

    Attributes:
        times_ps: (n_frames,).
        order: (n_frames, n_slabs) order parameter.
        threshold: slabs with more are crystal.
        log_times_ps, log_temperatures: (n_rows,) of the log.
        temperature: mean over the averaged part of the run.
        slope_K_per_ps: of the temperature there.
        crystal, liquid: temperatures of both phases there, K; NaN for a phase that is not there.
        fractions: (BLOCKS,) part of the slabs that are crystal.
        gone: a phase that was gone for some time at the end; None if both were there, or not long enough gone.
        survived: whether both phases were there in all averaged blocks.
        pressure_GPa: mean.
        anisotropy_GPa: mean stress along the normal less that in the plane.
        drift_meV_per_atom_per_ps: of the enthalpy.
    """

    times_ps: Array
    order: Array
    threshold: float
    log_times_ps: Array
    log_temperatures: Array
    temperature: Average
    slope_K_per_ps: float
    crystal: tuple[float, float]
    liquid: tuple[float, float]
    fractions: Array
    gone: Gone | None
    survived: bool
    pressure_GPa: float
    anisotropy_GPa: float
    drift_meV_per_atom_per_ps: float


def equilibrium_of(moved: Moved, slabs: Slabs, config: MeltingConfig) -> Equilibrium:
    """The averages of a run.

    Args:
        moved: the run.
        slabs: tell crystal and liquid apart.
        config: which part is averaged.
    """
    log, n_slabs, threshold = moved.log(), slabs.n_slabs, slabs.threshold
    log_times = log["time_fs"] / 1000.0
    kept = log_times >= config.discarded * log_times[-1]
    frames = list(iterate_trajectory(moved.files.trajectory))
    order = np.array([order_of_slabs(frame, slabs.waves, n_slabs) for frame in frames])
    blocks = np.array_split(np.arange(len(frames)), min(BLOCKS, len(frames)))
    solid = np.array([order[block].mean(axis=0) > threshold for block in blocks])
    times = np.array([frame.info["time_fs"] for frame in frames]) / 1000.0
    averaged = [k for k, block in enumerate(blocks) if times[block[-1]] >= config.discarded * times[-1]]
    fractions = solid.mean(axis=1)
    of_frames = [(frames[i], solid[k]) for k in averaged for i in blocks[k]]
    stresses = np.array([frame.get_stress(voigt=False) for frame, _ in of_frames]) * GPA_PER_EV_PER_A3
    inside = fractions[averaged]
    gone = _gone(order, threshold, times, log_times, log["temperature_K"])
    return Equilibrium(
        times_ps=times,
        order=order,
        threshold=threshold,
        log_times_ps=log_times,
        log_temperatures=log["temperature_K"],
        temperature=average(log["temperature_K"][kept]),
        slope_K_per_ps=_slope(log_times[kept], log["temperature_K"][kept]),
        crystal=_phase([_temperature(frame, chosen, n_slabs) for frame, chosen in of_frames]),
        liquid=_phase([_temperature(frame, ~chosen, n_slabs) for frame, chosen in of_frames]),
        fractions=fractions,
        gone=gone,
        survived=gone is None and bool(((inside >= FEWEST) & (inside <= 1.0 - FEWEST)).all()),
        pressure_GPa=float(log["pressure_GPa"][kept].mean()),
        anisotropy_GPa=float((stresses[:, 2, 2] - 0.5 * (stresses[:, 0, 0] + stresses[:, 1, 1])).mean()),
        drift_meV_per_atom_per_ps=MEV_PER_EV * _slope(log_times, log["conserved_eV"]) / len(moved.atoms),
    )


def _gone(order: Array, threshold: float, times: Array, log_times: Array, temperatures: Array) -> Gone | None:
    """The phase that is gone at the end; times in ps, temperatures in K."""
    lost = lost_phase(order, threshold, frames_of_block(times[1] - times[0])) if len(times) > 1 else None
    if lost is None:
        return None
    begin = float(times[lost.frame])
    return Gone(lost.phase, begin, float(temperatures[log_times >= begin].mean()))


def _temperature(frame: Atoms, chosen: NDArray[np.bool_], n_slabs: int) -> float:
    """K, of the atoms of the chosen slabs; NaN if there are none."""
    atoms = chosen[slab_of(frame, n_slabs)]
    if not atoms.any():
        return float("nan")
    kinetic = 0.5 * float(np.sum(frame.get_momenta()[atoms] ** 2 / frame.get_masses()[atoms][:, None]))
    share = len(frame) / max(len(frame) - 1, 1)  # the total momentum is zero
    return 2.0 * kinetic / (3.0 * float(atoms.sum()) * BOLTZMANN_EV_PER_K) * share


def _phase(temperatures: list[float]) -> tuple[float, float]:
    """Mean and standard error; NaN for a phase that is not there all the time."""
    found = average(np.array(temperatures))
    return found.mean, float("nan") if found.stderr is None else found.stderr


def _slope(times: Array, values: Array) -> float:
    """Of a straight line; 0 with fewer than two samples."""
    return float(np.polyfit(times, values, 1)[0]) if len(times) > 1 else 0.0
