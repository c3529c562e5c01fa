"""What layers that leave out rows of the halo save: rows, and CPU time where the file can evaluate them all.

    python benchmarks/halo.py

LAMMPS counts rows (``compute pair``). A silicon model with a line graph on the kernels runs on two processes; a
network of alignn_atomwise with random weights runs on one with ghosts as rows, in turns in TorchScript with all rows in
all layers, in TorchScript without, and on the kernels. The CPU time is that of LAMMPS's loop: its
seconds times its use of the CPU.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import torch
from ase import Atoms
from ase.build import bulk
from ase.io.lammpsdata import write_lammps_data
from line_graph import LINE_GRAPH_MODEL

from alignn_ff import load_potential
from alignn_ff.checkpoint import Header
from alignn_ff.export import ExportOptions
from alignn_ff.export.lammps.file import write
from alignn_ff.export.torchscript import file as torchscript
from alignn_ff.export.torchscript import host
from alignn_ff.graph import GraphRecipe
from alignn_ff.interfaces.lammps import Lammps, build_plugin, find_lammps
from alignn_ff.interfaces.lammps.running import environment, start_words
from alignn_ff.models import AlignnAtomwiseConfig, ModelStatistics, build_model
from alignn_ff.potential import Potential

CHANNELS: Final = 64
PUBLISHED: Final = {"all.pt": "alignn/torch", "prefixes.pt": "alignn/torch", "kernels.alignn": "alignn"}
"""Files of one network, and the pair style that reads each."""
CUTOFF_A: Final = 4.0
INPUT: Final = """
units metal
atom_style atomic
newton on
read_data si.data
neighbor 1.0 bin
pair_style {style} {word}
pair_coeff * * {model} Si
compute network all pair {style}
thermo_style custom step pe c_network[1] c_network[2]
thermo_modify format float %.12g
fix move all nve
timestep 0.001
thermo {steps}
run {steps}
"""


class Counted(NamedTuple):
    """Rows that all layers evaluate together, rows times layers, CPU seconds of the loop."""

    evaluated: int
    times_layers: int
    seconds: float


def main() -> None:
    """Print both parts."""
    arguments = parse()
    lammps = find_lammps()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(load_potential(LINE_GRAPH_MODEL, device="cpu", dtype="float32"), folder / "si.alignn", ExportOptions())
        found = run(lammps, folder, silicon(arguments.cells), style="alignn", model="si.alignn", steps=0, processes=2)
        print(f"line graph, {8 * arguments.cells**3} atoms, 2 processes: {told(found)}")
        potential = published(arguments.layers)
        torchscript.write(potential, folder / "prefixes.pt", ExportOptions())
        without_prefixes(folder / "prefixes.pt", folder / "all.pt")
        write(potential, folder / "kernels.alignn", ExportOptions())
        atoms, seconds = silicon(arguments.small), {name: list[float]() for name in PUBLISHED}
        for _ in range(arguments.rounds):
            for (model, style), values in zip(PUBLISHED.items(), seconds.values(), strict=True):
                words = {"style": style, "word": "ghosts", "model": model}
                found = run(lammps, folder, atoms, **words, steps=arguments.steps)
                values.append(found.seconds)
                print(f"alignn_atomwise, {len(atoms)} atoms with ghosts, {model}: {told(found)}", flush=True)
    for model, values in seconds.items():
        ratios = [100 * each / whole for each, whole in zip(values, seconds["all.pt"], strict=True)]
        print(f"{model}: {statistics.median(ratios):.0f} % of the CPU time of all rows in TorchScript")


def told(found: Counted) -> str:
    """One line."""
    return f"{found.times_layers} rows times layers, {found.evaluated} evaluated, {found.seconds:.2f} s of CPU time"


def silicon(cells: int) -> Atoms:
    """A shaken crystal."""
    atoms = bulk("Si", a=5.469, cubic=True).repeat(cells)
    atoms.rattle(0.05, seed=1)
    return atoms


def published(layers: int) -> Potential:
    """A network with random weights."""
    config = AlignnAtomwiseConfig(
        alignn_layers=layers, gcn_layers=layers, hidden_features=CHANNELS, embedding_features=CHANNELS
    )
    recipe = GraphRecipe(cutoff=CUTOFF_A, three_body_cutoff=CUTOFF_A, back_tracking=True)
    numbers = ModelStatistics((0.0,), scale=1.0, edges_per_atom=1.0, triplets_per_line_node=1.0)
    header = Header(model=config, graph=recipe, elements=(14,), statistics=numbers)
    torch.manual_seed(0)
    model = build_model(config, recipe, (14,), numbers).eval()
    return Potential("random", header, model, device=torch.device("cpu"), dtype=torch.float64, backend="eager")


def without_prefixes(given: Path, path: Path) -> None:
    """The same file, whose layers evaluate all rows."""
    extra = {torchscript.ABOUT: "", host.ENTRY: ""}
    module = torch.jit.load(str(given), _extra_files=extra)
    module.takes_prefixes = False
    torch.jit.save(module, str(path), _extra_files=extra)


def run(
    lammps: Lammps,
    folder: Path,
    atoms: Atoms,
    *,
    style: str,
    model: str,
    steps: int,
    word: str = "",
    processes: int = 1,
) -> Counted:
    """One run of LAMMPS, on one thread per process."""
    write_lammps_data(folder / "si.data", atoms, masses=True)
    (folder / "in.si").write_text(INPUT.format(style=style, word=word, model=model, steps=steps))
    command = [*start_words(lammps, processes), str(lammps.program), "-in", "in.si", "-log", "none"]
    variables = environment(lammps, [build_plugin(lammps, style)], 1)
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=variables)
    evaluated, times_layers = map(int, ended.stdout.rpartition("   Step ")[2].splitlines()[1].split()[2:])
    (loop,), (use,) = re.findall(r"Loop time of (\S+)", ended.stdout), re.findall(r"(\S+)% CPU use", ended.stdout)
    return Counted(evaluated, times_layers, float(loop) * float(use) / 100)


def parse() -> argparse.Namespace:
    """Sizes."""
    parser = argparse.ArgumentParser(description="What layers that leave out rows of the halo save.")
    parser.add_argument(
        "--cells", type=int, default=10, help="a side of the crystal on two processes, in cubes of 8 atoms"
    )
    parser.add_argument("--small", type=int, default=3, help="a side of the crystal with ghosts on one process")
    parser.add_argument("--layers", type=int, default=2, help="of each kind, of the published network")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
