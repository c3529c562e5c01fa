"""The proof of a file: what a new process makes of it is compared with the eager model in float64.

In: a potential and the file made of it. Out: the differences of energy, atomic energies, forces and stress on each
structure, or an error if one is too large.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff.errors import ExportError
from alignn_ff.export.door import AS_WRITTEN, REPEATS, WIDENED, Input, Output
from alignn_ff.export.eager import in_float64
from alignn_ff.export.structures import proof_structures
from alignn_ff.export.targets import Target
from alignn_ff.graph import TensorPrediction
from alignn_ff.io.tensors import write_tensors
from alignn_ff.potential import Potential

TOLERANCES: Final[dict[str, float]] = {"float64": 1e-10, "float32": 1e-3}
"""Largest difference, per the largest magnitude of the quantity in the structure where that exceeds 1.

A file in float32 is also proven with its network widened to float64, to the target's ``widened_tolerance``: so it holds
the right model, and the wider tolerance only allows for rounding. Machine code has no wider network."""

LONGEST_S: Final = 900
"""Time limit of the process that reads the file."""


class Difference(NamedTuple):
    """Largest absolute differences on one structure, over all repeats.

    Attributes:
        structure: its name.
        network: "as written" or "float64".
        n_atoms: number of atoms.
        largest_force_eV_per_A: largest component of a force, by the eager model.
        energy_eV, atomic_energy_eV, forces_eV_per_A, stress: differences; the stress in the unit of the file, None
            where there is no volume.
        exceeded: largest ratio of a difference to what is allowed.
    """

    structure: str
    network: str
    n_atoms: int
    largest_force_eV_per_A: float
    energy_eV: float
    atomic_energy_eV: float
    forces_eV_per_A: float
    stress: float | None
    exceeded: float


class Proof(NamedTuple):
    """Of one file.

    Attributes:
        dtype: of the network in the file.
        tolerance: allowed differences, see :data:`TOLERANCES`.
        differences: one per structure and precision of the network.
    """

    dtype: str
    tolerance: float
    differences: tuple[Difference, ...]

    def to_json(self) -> dict[str, object]:
        """Numbers and names only."""
        rows = [difference._asdict() for difference in self.differences]
        return {"dtype": self.dtype, "tolerance": self.tolerance, "differences": rows}


def prove(potential: Potential, target: Target, path: Path, *, stress_factor: float) -> Proof:
    """Compare a file with the model that it was made of.

    Args:
        potential: on the CPU, in the dtype of the file.
        target: that wrote the file.
        path: of the file.
        stress_factor: the unit of the file's stress, per eV/Å³.

    Raises:
        ExportError: the file cannot be read back, or gives other numbers.
    """
    eager = in_float64(potential)
    inputs, expected, names = [], [], []
    for name, atoms in proof_structures(potential.header.elements).items():
        prepared = eager.prepare(atoms)
        graph, system = prepared.graph, prepared.system
        edges = (graph.edge_src, graph.edge_dst, graph.edge_shift)
        inputs.append(Input(system.positions, system.cell[0], system.atomic_numbers, *edges))
        expected.append(eager.evaluate(system, graph))
        names.append(name)
    dtype = str(potential.dtype).removeprefix("torch.")
    differences = []
    for network, found in evaluate_elsewhere(target, path, inputs).items():
        tolerance = TOLERANCES[dtype]
        if network == WIDENED != dtype and target.widened_tolerance is not None:
            tolerance = target.widened_tolerance
        for number, (name, reference) in enumerate(zip(names, expected, strict=True)):
            repeats = found[number :: len(names)]
            differences.append(_difference(name, network, reference, repeats, stress_factor, tolerance))
    proof = Proof(dtype, TOLERANCES[dtype], tuple(differences))
    _refuse(proof, path)
    return proof


def evaluate_elsewhere(target: Target, path: Path, inputs: Sequence[Input]) -> dict[str, list[Output]]:
    """What a new process makes of a file: network as written and widened → all repeats of all structures.

    Raises:
        ExportError: it cannot read the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "inputs.pt", Path(folder) / "outputs.pt"
        write_tensors(given, [tuple(item) for item in inputs])
        networks = (AS_WRITTEN,) if target.widened_tolerance is None else (AS_WRITTEN, WIDENED)
        files = [str(path), str(given), str(found)]
        command = [sys.executable, "-m", "alignn_ff.export.door", target.door, *files, *networks]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise ExportError(f"reading the file back took more than {LONGEST_S} s; nothing was written") from error
        if ended.returncode != 0:
            reason = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
            raise ExportError(f"the file cannot be read back in a new process, so it was not kept: {reason[0]}")
        content = torch.load(found, weights_only=True)
    repeats = {network: [Output(*output) for output in outputs] for network, outputs in content.items()}
    assert all(len(outputs) == REPEATS * len(inputs) for outputs in repeats.values())
    return repeats


def _difference(
    name: str,
    network: str,
    reference: TensorPrediction,
    found: Sequence[Output],
    stress_factor: float,
    tolerance: float,
) -> Difference:
    assert reference.forces is not None
    assert reference.stress is not None
    stress = reference.stress[0] * stress_factor
    n_atoms = reference.atomic_energy.shape[0]
    pairs = {
        "energy": [(output.energy / n_atoms, reference.energy[0] / n_atoms) for output in found],
        "atomic": [(output.atomic_energy, reference.atomic_energy) for output in found],
        "forces": [(output.forces, reference.forces) for output in found],
        "stress": [(output.stress, stress) for output in found],
    }
    largest = {key: max(_distance(*pair) for pair in values) for key, values in pairs.items()}
    allowed = {key: tolerance * max(1.0, _magnitude(values[0][1])) for key, values in pairs.items()}
    return Difference(
        structure=name,
        network=network,
        n_atoms=n_atoms,
        largest_force_eV_per_A=_magnitude(reference.forces),
        energy_eV=largest["energy"] * n_atoms,
        atomic_energy_eV=largest["atomic"],
        forces_eV_per_A=largest["forces"],
        stress=None if torch.isnan(stress).any() else largest["stress"],
        exceeded=max(largest[key] / allowed[key] for key in pairs),
    )


def _distance(found: Tensor, expected: Tensor) -> float:
    """Largest difference; infinite where only one of two numbers is NaN."""
    if found.shape != expected.shape or not torch.equal(torch.isnan(found), torch.isnan(expected)):
        return float("inf")
    return float((found.double() - expected).nan_to_num(nan=0.0, posinf=float("inf")).abs().max())


def _magnitude(values: Tensor) -> float:
    return float(values.nan_to_num().abs().max())


def _refuse(proof: Proof, path: Path) -> None:
    worst = max(proof.differences, key=lambda difference: difference.exceeded)
    if worst.exceeded <= 1.0:
        return
    raise ExportError(
        f"the file {path.name} gives other numbers than the model, so it was not kept: on the structure "
        f"{worst.structure!r} (network {worst.network}) energies differ by {worst.energy_eV:.1e} eV, atomic "
        f"energies by {worst.atomic_energy_eV:.1e} eV, forces by {worst.forces_eV_per_A:.1e} eV/Å of "
        f"{worst.largest_force_eV_per_A:.1f} eV/Å; this is {worst.exceeded:.0f} times what is allowed. "
        "Please report it with the model"
    )
