"""The teacher: CHGNet 0.3.0, with the energy corrections of the Materials Project taken off; and prototypes of AFLOW.

Needs ``pip install -r examples/universal/requirements.txt``. CHGNet was trained on energies that contain the MP2020
corrections; without them its energies are on the scale of uncorrected PBE(+U), as those of DFT frames.
"""

import gzip
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from ase import Atoms
from distill import Labels
from pymatgen.core import Element, Lattice, Structure
from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
from pymatgen.entries.computed_entries import ComputedStructureEntry
from seeds import Prototype

from alignn_ff.units import GPA_PER_EV_PER_A3

HUBBARD_U_EV: Final = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
"""Of the Materials Project, in oxides and fluorides."""


class Teacher:
    """Labels structures.

    Args:
        n_threads: of torch.
    """

    def __init__(self, n_threads: int) -> None:
        from chgnet.model import CHGNet

        torch.set_num_threads(n_threads)
        warnings.filterwarnings("ignore", module="(pymatgen|chgnet).*")
        self._model = CHGNet.load(use_device="cpu", verbose=False)
        self._corrections = MaterialsProject2020Compatibility(check_potcar=False)

    def __call__(self, batch: Sequence[Atoms]) -> list[Labels | None]:
        """Energy, forces and stress of each structure; None without a graph or a known correction."""
        structures = [as_structure(atoms) for atoms in batch]
        graphs = [self._graph(structure) for structure in structures]
        usable = [graph for graph in graphs if graph is not None]
        found = self._model.predict_graph(usable, task="efs", batch_size=64) if usable else []
        outputs = iter([found] if isinstance(found, dict) else found)
        labels = [None if graph is None else next(outputs) for graph in graphs]
        return [
            None if output is None else self._labels(structure, output)
            for structure, output in zip(structures, labels, strict=True)
        ]

    def _graph(self, structure: Structure) -> object | None:
        try:
            return self._model.graph_converter(structure)
        except (ValueError, RuntimeError):  # isolated atoms
            return None

    def _labels(self, structure: Structure, output: dict[str, np.ndarray]) -> Labels | None:
        correction = self._correction(structure)
        if correction is None:
            return None
        stress = np.asarray(output["s"], dtype=np.float64) / GPA_PER_EV_PER_A3
        energy = float(output["e"]) * len(structure) - correction
        return Labels(energy, np.asarray(output["f"], dtype=np.float64), 0.5 * (stress + stress.T))

    def _correction(self, structure: Structure) -> float | None:
        """The MP2020 correction of a structure in total, eV; None where it is not defined."""
        symbols = {str(element) for element in structure.composition.elements}
        hubbard = {s: u for s, u in HUBBARD_U_EV.items() if s in symbols} if symbols & {"O", "F"} else {}
        settings = {
            "run_type": "GGA+U" if hubbard else "GGA",
            "is_hubbard": bool(hubbard),
            "hubbards": {**dict.fromkeys(symbols, 0.0), **hubbard} if hubbard else {},
            "software": "vasp",
        }
        entry = ComputedStructureEntry(structure, 0.0, parameters=settings)
        processed = self._corrections.process_entry(entry, clean=True)
        return None if processed is None else float(entry.correction)


def as_structure(atoms: Atoms) -> Structure:
    """A structure as pymatgen holds it."""
    return Structure(Lattice(atoms.cell.array), atoms.numbers.tolist(), atoms.get_scaled_positions(wrap=False))


def aflow_prototypes() -> list[Prototype]:
    """The ordered prototypes of AFLOW that come with pymatgen."""
    import pymatgen.analysis.prototypes as package

    with gzip.open(Path(package.__file__).parent / "aflow_prototypes.json.gz", "rt", encoding="utf-8") as file:
        structures = [Structure.from_dict(item.get("snl", item)) for item in json.load(file)]
    return [_prototype(structure) for structure in structures if structure.is_ordered]


def _prototype(structure: Structure) -> Prototype:
    numbers = [int(z) for z in structure.atomic_numbers]
    atoms = Atoms(numbers, scaled_positions=structure.frac_coords, cell=structure.lattice.matrix, pbc=True)
    return Prototype(atoms, max(set(numbers), key=lambda z: (_electronegativity(z), z)))


def _electronegativity(number: int) -> float:
    value = float(Element.from_Z(number).X)
    return value if np.isfinite(value) else 0.0
