"""A small run of LAMMPS beside an export: an input file, a data file, and the numbers that it must print.

In: a model and the name of its exported file. Out: ``in.NAME``, ``NAME.data`` and ``NAME.reference.json``. LAMMPS
compares its energy, pressure and forces with those of the package, which the first two files hold too.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.io.lammpsdata import read_lammps_data, write_lammps_data

from alignn_ff.export.eager import in_float64
from alignn_ff.export.structures import proof_structures
from alignn_ff.io import atomic_write, write_json
from alignn_ff.potential import Potential
from alignn_ff.prediction import Prediction

BAR_PER_EV_PER_A3: Final = 1.6021765e6
"""LAMMPS's own constant of units metal."""
STRUCTURE: Final = "bulk"
SECTION: Final = "Reference"
"""Section of the data file with the forces of the package."""


class ExampleFiles(NamedTuple):
    """The files of an example."""

    script: Path
    data: Path
    reference: Path


def example_files(model: Path) -> ExampleFiles:
    """The files beside an exported file."""
    name = model.stem.removesuffix(".lammps")
    return ExampleFiles(*(model.with_name(part) for part in (f"in.{name}", f"{name}.data", f"{name}.reference.json")))


def write_example(potential: Potential, model: Path, style: str) -> None:
    """Write the files.

    Args:
        potential: that was exported.
        model: the exported file, in the same folder.
        style: pair style that reads it.
    """
    files = example_files(model)
    start = _start(potential)
    elements = sorted(set(start.get_chemical_symbols()))
    with atomic_write(files.data) as temporary:
        write_lammps_data(temporary, start, specorder=elements, masses=True)
        atoms = read_lammps_data(temporary, atom_style="atomic", units="metal")  # what LAMMPS reads, to the last bit
        (prediction,) = in_float64(potential).predict([atoms])
        with temporary.open("a") as data:
            data.write(_section(prediction))
    reference = _reference(prediction)
    write_json(files.reference, {"model": potential.name, "structure": files.data.name, **reference})
    with atomic_write(files.script) as temporary:
        temporary.write_text(_script(files, model, style, elements, prediction), encoding="utf-8")


def _start(potential: Potential) -> Atoms:
    """A crystal without symmetry in a cell as LAMMPS has it, a along x and b in the xy plane."""
    atoms = proof_structures(potential.header.elements)[STRUCTURE]
    atoms.set_cell(atoms.cell.standard_form()[0], scale_atoms=True)
    atoms.wrap()
    return atoms


def _section(prediction: Prediction) -> str:
    assert prediction.forces is not None
    rows = [f"{number} {x:.16g} {y:.16g} {z:.16g}" for number, (x, y, z) in enumerate(prediction.forces.tolist(), 1)]
    return "\n".join(["", SECTION, "", *rows, ""])


def _reference(prediction: Prediction) -> dict[str, object]:
    assert prediction.energies is not None
    assert prediction.forces is not None
    assert prediction.stress is not None
    return {
        "energy_eV": prediction.energy,
        "atomic_energies_eV": prediction.energies.tolist(),
        "forces_eV_per_A": prediction.forces.tolist(),
        "stress_eV_per_A3": prediction.stress.tolist(),
    }


def _script(files: ExampleFiles, model: Path, style: str, elements: list[str], prediction: Prediction) -> str:
    assert prediction.stress is not None
    pressure_bar = -float(np.trace(prediction.stress)) / 3.0 * BAR_PER_EV_PER_A3
    return f"""# `alignn-ff export` wrote this beside {model.name}. It compares LAMMPS with the package:
#
#     alignn-ff lammps run {files.script.name} -np 2

units         metal
atom_style    atomic
newton        on
fix           reference all property/atom d_fx d_fy d_fz
read_data     "{files.data.name}" fix reference NULL {SECTION}

neighbor      1.0 bin
pair_style    {style}
pair_coeff    * * "{model.name}" {" ".join(elements)}

variable      off atom "sqrt((fx-d_fx)^2 + (fy-d_fy)^2 + (fz-d_fz)^2)"
variable      force atom "sqrt(fx^2 + fy^2 + fz^2)"
compute       largest all reduce max v_off v_force
thermo_style  custom step pe press c_largest[1] c_largest[2]
run           0

print "energy, eV: $(pe:%.12g), of alignn-ff: {prediction.energy:.12g}"
print "pressure, bar: $(press:%.9g), of alignn-ff: {pressure_bar:.9g}"
print "largest difference of a force, eV/A: $(c_largest[1]:%.1e), where the largest force is $(c_largest[2]:%.1f)"
"""
