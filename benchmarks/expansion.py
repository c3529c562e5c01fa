"""Quasi-harmonic expansion beside molecular dynamics at constant pressure, for the silicon of Stillinger and Weber.

    python benchmarks/expansion.py                                   # about three minutes of one core
    python benchmarks/expansion.py --temperatures 800,1000 --seeds 16

Dynamics is classical, so the quasi-harmonic volume is computed with classical statistics too. LAMMPS runs the dynamics
(NPT of Martyna, Tobias and Klein), whose pair style ``sw`` is fast enough for errors of one percent of the expansion.
Its energy per atom must be that of the calculator that gives the phonons. Energy moves slowly between the modes of a
crystal, so each temperature has several runs, which start from the perfect crystal at twice the temperature: every mode
has its share of the energy from the first picoseconds on. The error is that of the mean over the runs.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io.lammpsdata import write_lammps_data
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import StillingerWeber
from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si

from alignn_ff.interfaces.lammps import Lammps, find_lammps
from alignn_ff.interfaces.lammps.running import environment
from alignn_ff.properties import qha
from alignn_ff.properties.quasi_harmonic import QHAResult

LATTICE_A: Final = 5.431
SW: Final = "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n"
EVERY: Final = 20
"""Steps between volumes."""
BEFORE: Final = 3000
"""Steps that are left out."""
INPUT: Final = """
units metal
atom_style atomic
read_data si.data
pair_style sw
pair_coeff * * Si.sw Si
thermo_style custom step pe temp vol
run 0
variable energy equal pe/atoms
print "energy ${{energy}}"
velocity all create {hot} {seed} mom yes rot no
timestep 0.002
fix move all npt temp {kelvin} {kelvin} 0.1 iso 0 0 1.0
run {before}
variable volume equal vol/atoms
fix write all print {every} "${{volume}}" file volumes.txt screen no
run {steps}
"""


class Run(NamedTuple):
    """One run of dynamics.

    Attributes:
        energy: eV per atom of the perfect crystal.
        volume: mean, Å³ per atom.
    """

    energy: float
    volume: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--temperatures", default="200,400,800,1000", help="K, separated by commas")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of the 8 atoms along each direction")
    parser.add_argument("--steps", type=int, default=20_000, help="of 2 fs, after 3000 more that are left out")
    parser.add_argument("--seeds", type=int, default=8, help="runs per temperature")
    arguments = parser.parse_args()
    kelvins = [float(word) for word in arguments.temperatures.split(",")]
    crystal = bulk("Si", a=LATTICE_A)
    crystal.calc = Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))
    found = {name: lattice(crystal, max(kelvins), name) for name in ("quantum", "classical")}
    static = found["classical"].static_volume_A3 / 2.0
    lammps = find_lammps()
    size = f"{8 * arguments.repeat**3} atoms, {arguments.seeds} runs of {arguments.steps} steps of 2 fs"
    print(f"{size}; static volume {static:.4f} Å³/atom")
    print("| T, K | expansion of volume in dynamics, % | quasi-harmonic, classical, % | quantum, % | difference, % |")
    print("|---:|---:|---:|---:|---:|")
    for kelvin in kelvins:
        runs = [dynamics(lammps, kelvin, arguments.repeat, arguments.steps, 1 + k) for k in range(arguments.seeds)]
        if abs(runs[0].energy - crystal.get_potential_energy() / 2.0) > 1e-3:
            raise SystemExit(f"LAMMPS gives {runs[0].energy:.4f} eV per atom: another potential")
        volumes = np.array([run.volume for run in runs])
        grown = 100.0 * (float(volumes.mean()) / static - 1.0)
        error = 100.0 * float(volumes.std(ddof=1)) / static / len(runs) ** 0.5
        at = {name: 100.0 * (volume_at(result, kelvin) / static - 1.0) for name, result in found.items()}
        difference = 100.0 * (grown / at["classical"] - 1.0)
        print(
            f"| {kelvin:g} | {grown:.3f} ± {error:.3f} | {at['classical']:.3f} | {at['quantum']:.3f} | "
            f"{difference:+.1f} ± {100.0 * error / at['classical']:.1f} |",
            flush=True,
        )


def lattice(crystal: Atoms, highest_K: float, statistics: str) -> QHAResult:
    """The quasi-harmonic result."""
    result = qha(
        crystal, supercell=(4, 4, 4), mesh_length_A=60.0, max_temperature_K=highest_K + 100.0, statistics=statistics
    )
    assert isinstance(result, QHAResult)
    return result


def volume_at(result: QHAResult, kelvin: float) -> float:
    """Å³ per atom."""
    found = result.expansions[0]
    return float(np.interp(kelvin, found.temperatures, found.volumes)) / 2.0


def dynamics(lammps: Lammps, kelvin: float, repeat: int, steps: int, seed: int) -> Run:
    """Mean volume at zero pressure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_lammps_data(folder / "si.data", bulk("Si", cubic=True, a=LATTICE_A).repeat(repeat), masses=True)
        (folder / "Si.sw").write_text(SW)
        (folder / "in.si").write_text(
            INPUT.format(kelvin=kelvin, hot=2.0 * kelvin, seed=seed, before=BEFORE, steps=steps, every=EVERY)
        )
        command = [str(lammps.program), "-in", "in.si", "-log", "none"]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=folder, env=environment(lammps, [], 1)
        )
        energy = next(float(line.split()[1]) for line in ended.stdout.splitlines() if line.startswith("energy "))
        return Run(energy, float(np.loadtxt(folder / "volumes.txt").mean()))


if __name__ == "__main__":
    main()
