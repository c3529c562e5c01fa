"""Path-integral molecular dynamics of silicon: i-PI moves the beads, alignn-ff gives the forces, a socket joins them.

    pip install "alignn-ff[ipi]"
    python silicon.py                         # 8 atoms, 8 beads, 100 K: a minute on one core

i-PI is the server; any number of clients may connect to it, each an ASE calculator behind ASE's SocketClient. Prints
the kinetic energy by the centroid virial estimator: silicon at 100 K has more than twice the classical 3/2·k_B·T.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.socketio import SocketClient

from alignn_ff import AlignnCalculator

INPUT = """
<simulation verbosity='low'>
  <output prefix='silicon'>
    <properties stride='1' filename='properties'>
      [step, time{{femtosecond}}, conserved{{electronvolt}}, temperature{{kelvin}}, kinetic_cv{{electronvolt}},
       potential{{electronvolt}}]
    </properties>
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>{seed}</seed></prng>
  <ffsocket name='alignn' mode='unix' pbc='False'>
    <address>{socket}</address>
    <latency>1e-2</latency>
  </ffsocket>
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'>start.xyz</file>
      <velocities mode='thermal' units='kelvin'>{temperature}</velocities>
    </initialize>
    <forces><force forcefield='alignn'/></forces>
    <ensemble><temperature units='kelvin'>{temperature}</temperature></ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nvt'>
        <timestep units='femtosecond'>1.0</timestep>
        <thermostat mode='pile_l'><tau units='femtosecond'>50</tau></thermostat>
      </dynamics>
    </motion>
  </system>
</simulation>
"""


def main() -> None:
    """Run, and print the quantum kinetic energy beside the classical one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--beads", type=int, default=8)
    parser.add_argument("--temperature", type=float, default=100.0, help="K")
    parser.add_argument("--model", default="si")
    parser.add_argument("--folder", type=Path, default=Path("path-integral"))
    options = parser.parse_args()
    atoms = bulk("Si", cubic=True, a=5.469)
    run(atoms, options)
    # columns: step, time, conserved, temperature, kinetic, potential; the first quarter is equilibration
    rows = np.loadtxt(options.folder / "silicon.properties")
    kinetic = 1000.0 * rows[len(rows) // 4 :, 4].mean() / len(atoms)
    classical = 1500.0 * units.kB * options.temperature
    print(f"kinetic energy {kinetic:.1f} meV/atom, classical {classical:.1f} meV/atom")


def run(atoms: Atoms, options: argparse.Namespace) -> None:
    """Start i-PI in a folder of its own and answer it until it is done."""
    options.folder.mkdir(parents=True, exist_ok=True)
    write_start(options.folder / "start.xyz", atoms)
    socket = f"alignn-ff-{time.time_ns()}"
    settings = {"steps": options.steps, "beads": options.beads, "temperature": options.temperature, "seed": 1}
    (options.folder / "input.xml").write_text(INPUT.format(socket=socket, **settings))
    atoms.calc = AlignnCalculator(options.model, dtype="float64")
    server = [sys.executable, str(Path(sys.executable).with_name("i-pi")), "input.xml"]
    with (options.folder / "i-pi.log").open("w") as log:
        process = subprocess.Popen(server, cwd=options.folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(Path(f"/tmp/ipi_{socket}"), process)
            SocketClient(unixsocket=socket).run(atoms, use_stress=True)
            process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise SystemExit(f"i-PI ended with {process.returncode}; see {options.folder / 'i-pi.log'}")


def write_start(path: Path, atoms: Atoms) -> None:
    """XYZ as i-PI reads it, its cell and units in the second line."""
    cell = " ".join(f"{value:.10f}" for value in atoms.cell.cellpar())
    lines = [f"{s} {x:.10f} {y:.10f} {z:.10f}" for s, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)]
    head = f"# CELL(abcABC): {cell} positions{{angstrom}} cell{{angstrom}}"
    path.write_text("\n".join([str(len(atoms)), head, *lines]) + "\n")


def wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server listens."""
    for _ in range(600):
        if path.exists():
            return
        if process.poll() is not None:
            raise SystemExit("i-PI ended before it listened; see i-pi.log")
        time.sleep(0.1)
    raise SystemExit("i-PI does not listen")


if __name__ == "__main__":
    main()
