"""When a melting temperature must not be trusted."""

from typing import Final

from alignn_ff.properties.coexistence.result import MeltingResult
from alignn_ff.properties.result import Remark

FAR: Final = 0.1
"""Relative difference from the guess above which the crystal was prepared at another temperature."""
SMALL_ATOMS: Final = 1000
ANISOTROPY_GPA: Final = 0.2
SIGMAS: Final = 3.0


def doubts(result: MeltingResult) -> list[Remark]:
    """The most important one first."""
    found, guess = result.equilibrium, result.config.temperature_K
    if not found.survived:
        return [_one_phase(result), *_small(result)]
    remarks = []
    mean, error = found.temperature.mean, found.temperature.stderr
    moved = abs(found.slope_K_per_ps) * (1.0 - result.config.discarded) * float(found.log_times_ps[-1])
    if error is None or not found.temperature.reliable or moved > SIGMAS * error:
        remarks.append(
            Remark(
                "not_at_equilibrium",
                f"the temperature still changes, by {moved:.1f} K over the averages, or its error is not reliable: "
                "a longer --coexistence-ps is needed",
            )
        )
    if abs(mean - guess) > FAR * guess:
        remarks.append(
            Remark(
                "far_from_guess",
                f"the result is {mean - guess:+.0f} K from the guess, at which the crystal was prepared: repeat with "
                f"--temperature {mean:.0f}",
            )
        )
    if abs(found.anisotropy_GPa) > ANISOTROPY_GPA:
        remarks.append(
            Remark(
                "strained",
                f"the stress along the normal and in the plane differ by {found.anisotropy_GPa:.2f} GPa: the crystal "
                "is strained; repeat with a guess closer to the result",
            )
        )
    return [*remarks, *_small(result)]


def _small(result: MeltingResult) -> list[Remark]:
    """That of a small cell, whose interfaces are a large part of it."""
    if len(result.atoms) >= SMALL_ATOMS:
        return []
    return [Remark("small", f"the cell has {len(result.atoms)} atoms; compare with a larger one (--min-width)")]


def _one_phase(result: MeltingResult) -> Remark:
    """What is lost, the bound that follows, and what to do."""
    found, guess = result.equilibrium, result.config.temperature_K
    end_ps, gone = float(found.log_times_ps[-1]), found.gone
    if gone is None:
        lost, reached = "liquid" if found.fractions[-1] > 0.5 else "crystal", guess
        told = f"the {lost} is gone, so there is no melting temperature"
    else:
        lost, reached = gone.phase, gone.temperature_K
        side = "above" if lost == "liquid" else "below"
        told = (
            f"the {lost} is gone after {gone.time_ps:.1f} ps, and the run ended at {end_ps:.1f} ps, so there is no "
            f"melting temperature; that of the model is {side} about {reached:.0f} K"
        )
    other, nearest = ("higher", max(guess, reached)) if lost == "liquid" else ("lower", min(guess, reached))
    return Remark(
        "one_phase",
        f"{told}: repeat with a {other} --temperature than {nearest:.0f} K, or a longer cell (--length-ratio)",
    )
