"""Twenty compounds: relaxed volumes against the start, and whether dynamics at 300 K and 1000 K stay within the guards.

    python benchmarks/compounds.py universal                      # volumes
    python benchmarks/compounds.py universal --picoseconds 10     # also dynamics, some minutes for each compound

The starts are near the lattices of experiment or of PBE. Volumes are those after at most 100 steps.
"""

import argparse

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from alignn_ff import AlignnCalculator
from alignn_ff.errors import AlignnError
from alignn_ff.md import MDConfig, run_md
from alignn_ff.relax import RelaxConfig, relax

SHORTEST_A, TIMESTEP_FS, TEMPERATURES_K = 6.5, 2.0, (300.0, 1000.0)


def cubic(a: float) -> list[float]:
    """Parameters of a cubic cell."""
    return [a, a, a, 90, 90, 90]


def hexagonal(a: float, c: float) -> list[float]:
    """Parameters of a hexagonal cell."""
    return [a, a, c, 90, 90, 120]


PEROVSKITE = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
COMPOUNDS: dict[str, Atoms] = {
    "NaCl": bulk("NaCl", "rocksalt", a=5.69),
    "MgO": bulk("MgO", "rocksalt", a=4.25),
    "GaAs": bulk("GaAs", "zincblende", a=5.75),
    "BN": bulk("BN", "zincblende", a=3.62),
    "Fe": bulk("Fe", "bcc", a=2.84),
    "Cu3Au": crystal(["Au", "Cu"], [(0, 0, 0), (0.5, 0.5, 0)], spacegroup=221, cellpar=cubic(3.75)),
    "NiAl": bulk("NiAl", "cesiumchloride", a=2.89),
    "SrTiO3": crystal(["Sr", "Ti", "O"], PEROVSKITE, spacegroup=221, cellpar=cubic(3.94)),
    "TiO2": crystal(
        ["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.65, 4.65, 2.97, 90, 90, 90]
    ),
    "SiO2": crystal(
        ["Si", "O"], [(0.4697, 0, 0), (0.4135, 0.2669, 0.1191)], spacegroup=154, cellpar=hexagonal(4.91, 5.40)
    ),
    "Al2O3": crystal(["Al", "O"], [(0, 0, 0.352), (0.306, 0, 0.25)], spacegroup=167, cellpar=hexagonal(4.76, 12.99)),
    "CaF2": crystal(["Ca", "F"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=cubic(5.46)),
    "ZnO": bulk("ZnO", "wurtzite", a=3.25, c=5.2),
    "GaN": bulk("GaN", "wurtzite", a=3.19, c=5.19),
    "LiCoO2": crystal(
        ["Li", "Co", "O"], [(0, 0, 0.5), (0, 0, 0), (0, 0, 0.24)], spacegroup=166, cellpar=hexagonal(2.82, 14.05)
    ),
    "Bi2Te3": crystal(
        ["Bi", "Te", "Te"], [(0, 0, 0.4), (0, 0, 0), (0, 0, 0.21)], spacegroup=166, cellpar=hexagonal(4.38, 30.5)
    ),
    "Mg2Si": crystal(["Si", "Mg"], [(0, 0, 0), (0.25, 0.25, 0.25)], spacegroup=225, cellpar=cubic(6.35)),
    "CsPbBr3": crystal(["Cs", "Pb", "Br"], PEROVSKITE, spacegroup=221, cellpar=cubic(5.98)),
    "Fe2O3": crystal(["Fe", "O"], [(0, 0, 0.3553), (0.306, 0, 0.25)], spacegroup=167, cellpar=hexagonal(5.04, 13.75)),
    "LaNi5": crystal(
        ["La", "Ni", "Ni"], [(0, 0, 0), (1 / 3, 2 / 3, 0), (0.5, 0, 0.5)], spacegroup=191, cellpar=hexagonal(5.01, 3.98)
    ),
}


def main() -> None:
    """Print a line per compound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--only", nargs="+", choices=COMPOUNDS, default=list(COMPOUNDS))
    parser.add_argument("--picoseconds", type=float, default=0.0, help="length of the dynamics")
    arguments = parser.parse_args()
    calculator = AlignnCalculator(arguments.model)
    for name in arguments.only:
        start = repeated(COMPOUNDS[name])
        config = RelaxConfig(relax_cell="free", fmax_eV_per_A=0.03, max_steps=100)
        result = relax(start, calculator, config=config)
        change = result.atoms.get_volume() / start.get_volume() - 1.0
        open_end = "" if result.after.converged else ", not converged"
        print(f"{name:8s} {len(start):4d} atoms, volume {change:+.1%}{open_end}", flush=True)
        if arguments.picoseconds > 0:
            for temperature in TEMPERATURES_K:
                print(
                    f"    {temperature:.0f} K: {dynamics(result.atoms, calculator, temperature, arguments.picoseconds)}"
                )


def repeated(atoms: Atoms) -> Atoms:
    """A supercell that is nowhere thinner than ``SHORTEST_A``."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    return atoms * tuple(np.ceil(SHORTEST_A / heights).astype(int))


def dynamics(atoms: Atoms, calculator: AlignnCalculator, temperature_K: float, picoseconds: float) -> str:
    """Whether a run at constant volume reaches its end."""
    steps = round(1000.0 * picoseconds / TIMESTEP_FS)
    config = MDConfig(
        ensemble="nvt_langevin", temperature_K=temperature_K, steps=steps, timestep_fs=TIMESTEP_FS, seed=1
    )
    try:
        run_md(atoms, calculator, config=config)
    except AlignnError as error:
        return f"stopped: {error}"
    return f"{picoseconds:g} ps"


if __name__ == "__main__":
    main()
