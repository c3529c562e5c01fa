"""The table of docs/dynamics.md: sampling errors of each ensemble, for a Morse crystal or the shipped silicon model.

python -m benchmarks.sampling                      # 256 atoms, Morse nearest neighbours
python -m benchmarks.sampling --model si    # 216 atoms of silicon, NVT and NPT
"""

import argparse

from ase.build import bulk

from alignn_ff import AlignnCalculator
from tests.support.pair_crystal import MorseNeighbours, neighbour_crystal
from tests.support.sampling import Samples, kinetic_deviations, pair_deviation, sample, standard_error

ROWS = [
    ("nvt_langevin", None),
    ("nvt_bussi", None),
    ("nvt_nose_hoover", None),
    ("nvt_andersen", None),
    ("npt_mtk", "isotropic"),
    ("npt_mtk", "full"),
    ("npt_langevin", "isotropic"),
    ("npt_langevin", "full"),
    ("nvt_berendsen", None),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=None)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--only", default="", help="ensembles, with commas")
    arguments = parser.parse_args()
    if arguments.model is None:
        crystal, temperatures, pressure, timestep = neighbour_crystal(), (800.0, 840.0), 1.5, 2.0
        calculator = MorseNeighbours(crystal)
    else:
        crystal, temperatures, pressure, timestep = bulk("Si", a=5.469, cubic=True) * 3, (300.0, 324.0), 0.8, 1.0
        calculator = AlignnCalculator(arguments.model)
    print("| ensemble | cell | ⟨T⟩ K | kinetic energy: mean, width | pair in T | pair in P | ⟨P⟩ GPa | ⟨V⟩ Å³/atom |")
    print("|---|---|---|---|---|---|---|---|")
    for ensemble, motion in ROWS:
        if arguments.only and ensemble not in arguments.only.split(","):
            continue
        states = [(temperatures[0], 0.0), (temperatures[1], 0.0), (temperatures[0], pressure)]
        runs = []
        for seed, (temperature, target) in enumerate(states if motion else states[:2]):
            settings = {
                "steps": arguments.steps,
                "timestep_fs": timestep,
                "thermostat_time_fs": 50.0,
                "ensemble": ensemble,
                "temperature_K": temperature,
                "seed": seed,
                **({"pressure_GPa": target, "cell_motion": motion} if motion else {}),
            }
            runs.append(sample(crystal, calculator, settings))
        print(_row(ensemble, motion, runs), flush=True)


def _row(ensemble: str, motion: str | None, runs: list[Samples]) -> str:
    first = runs[0]
    mean, width = kinetic_deviations(first)
    kelvin = 2.0 / (first.n_dof * 8.617333262e-5)
    pressed = f"{pair_deviation(first, runs[2]):.1f} σ" if motion else "–"
    return (
        f"| {ensemble} | {motion or 'fixed'} | {first.kinetic_eV.mean() * kelvin:.1f} ± "
        f"{standard_error(first.kinetic_eV) * kelvin:.1f} | {mean:+.1f} σ, {width:+.1f} σ | "
        f"{pair_deviation(first, runs[1]):.1f} σ | {pressed} | {first.pressure_GPa.mean():+.3f} ± "
        f"{standard_error(first.pressure_GPa):.3f} | {first.volume_A3.mean() / first.n_atoms:.3f} ± "
        f"{standard_error(first.volume_A3) / first.n_atoms:.3f} |"
    )


if __name__ == "__main__":
    main()
