"""Energy conservation of a model: NVE dynamics, slope of the total energy with its error.

    python benchmarks/nve.py --model si --json docs/figures/nve.json --figure docs/figures/nve.png

Silicon, started at 2000 K on perfect lattice sites. Half of the kinetic energy becomes potential energy, so the
temperature of the run is about 1000 K.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase.build import bulk
from figures import energy_conservation

from alignn_ff import AlignnCalculator
from alignn_ff.md import MDConfig, Snapshot, run_md
from alignn_ff.md.run.drift import BlockMeans
from alignn_ff.plots import save_figure


def main() -> None:
    arguments = parse()
    atoms = bulk("Si", a=arguments.lattice_constant, cubic=True).repeat(arguments.repeat)
    rows: list[tuple[float, float, float]] = []

    def observe(snapshot: Snapshot) -> None:
        rows.append((snapshot.time_fs / 1e3, snapshot.total_eV / len(atoms) * 1e3, snapshot.temperature_K))

    steps = round((arguments.discard_ps + arguments.ps) * 1e3 / arguments.timestep_fs)
    config = MDConfig(
        steps=steps, timestep_fs=arguments.timestep_fs, temperature_K=arguments.temperature_K, seed=arguments.seed
    )
    calculator = AlignnCalculator(arguments.model, dtype=arguments.dtype)
    result = run_md(atoms, calculator, config=config, on_step=observe)
    time, energy, temperature = np.array(rows).T
    kept = time >= arguments.discard_ps
    trend = BlockMeans()
    for moment, value in zip(time[kept], energy[kept], strict=True):
        trend.add(float(moment), float(value))
    slope = trend.trend()
    report = {
        "model": arguments.model,
        "dtype": arguments.dtype,
        "n_atoms": len(atoms),
        "timestep_fs": arguments.timestep_fs,
        "discarded_ps": arguments.discard_ps,
        "measured_ps": arguments.ps,
        "mean_temperature_K": float(temperature[kept].mean()),
        "drift_meV_per_atom_per_ps": slope.slope,
        "drift_stderr_meV_per_atom_per_ps": slope.slope_stderr,
        "energy_rms_fluctuation_meV_per_atom": float(energy[kept].std()),
        "ms_per_step": 1e3 * result.wall_time_s / steps,
    }
    print(json.dumps(report, indent=2))
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if arguments.figure is not None and slope.slope is not None and slope.slope_stderr is not None:
        figure = energy_conservation(
            time[kept],
            energy[kept],
            slope_meV_per_atom_per_ps=slope.slope,
            stderr_meV_per_atom_per_ps=slope.slope_stderr,
        )
        save_figure(figure, arguments.figure)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Energy conservation of a model in NVE dynamics of silicon.")
    parser.add_argument("--model", default="si")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--lattice-constant", type=float, default=5.469, help="Å")
    parser.add_argument("--repeat", type=int, default=3, help="cubic cells along each axis")
    parser.add_argument("--temperature-K", type=float, default=2000.0)
    parser.add_argument("--timestep-fs", type=float, default=1.0)
    parser.add_argument("--discard-ps", type=float, default=2.0)
    parser.add_argument("--ps", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
