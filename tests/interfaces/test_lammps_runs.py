"""Dynamics and relaxation by LAMMPS follow those of the package; what would give wrong numbers is refused in words."""

from pathlib import Path

import numpy as np
import pytest
from ase.io.lammpsdata import read_lammps_data, write_lammps_data
from ase.md.verlet import VelocityVerlet

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.export.lammps.file import write
from alignn_ff.export.options import ExportOptions
from alignn_ff.export.torchscript import file as torchscript
from alignn_ff.interfaces.lammps import Lammps
from tests.support.exports import HEADERS, ON_KERNELS, SMOOTH, eager, model_file
from tests.support.lammps_runs import BAR_PER_EV_PER_A3, cases, driven_by_the_package, run

STEPS = 50
PS_IN_LAMMPS = 1.0 / np.sqrt(1.0364269e-4)
"""A picosecond of LAMMPS's units metal in Å·√(amu/eV), from its constant mvv2e."""


@pytest.fixture
def crystal(tmp_path: Path) -> str:
    """Input that reads a crystal of 64 atoms of two elements with a force field."""
    potential = eager(SMOOTH["smooth"])
    write(potential, tmp_path / "model.alignn", ExportOptions())
    case = cases()["cubic"]
    write_lammps_data(tmp_path / "crystal.data", case.atoms, specorder=["Si", "O"], masses=True)
    return """
units metal
atom_style atomic
newton on
read_data crystal.data
neighbor 0.3 bin
neigh_modify every 1 delay 0 check yes
pair_style alignn
pair_coeff * * model.alignn Si O
"""


def thermo(output: str) -> np.ndarray:
    """Rows of the last thermodynamic table."""
    block = output.rpartition("   Step ")[2].partition("Loop time")[0]
    return np.array([line.split() for line in block.splitlines()[1:] if line.strip()], dtype=float)


@pytest.mark.parametrize("processes", [1, 2])
def test_dynamics_is_that_of_the_package_and_conserves_as_well(
    processes: int, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    text = f"""{crystal}
timestep 0.001
fix move all nve
thermo_style custom step pe etotal
thermo_modify format float %.15g
thermo {STEPS}
run {STEPS // 2}
run {STEPS // 2}
write_dump all custom last.dump id x y z modify sort id format float %.16g
"""
    rows = thermo(run(lammps, plugin, tmp_path, text, processes=processes))
    atoms = cases()["cubic"].atoms
    atoms.calc = AlignnCalculator(eager(SMOOTH["smooth"]))
    start = atoms.get_potential_energy()
    VelocityVerlet(atoms, timestep=0.001 * PS_IN_LAMMPS).run(STEPS)
    total = atoms.get_total_energy()
    table = np.loadtxt(tmp_path / "last.dump", skiprows=9)
    moved = (table[:, 1:4] - atoms.positions) @ np.linalg.inv(atoms.cell.array)
    moved = (moved - moved.round()) @ atoms.cell.array
    assert np.abs(moved).max() < 1e-8
    assert rows[-1, 1] == pytest.approx(atoms.get_potential_energy(), abs=1e-7)
    assert rows[-1, 2] == pytest.approx(total, abs=1e-5)
    assert abs(total - start) < 2e-3 * len(atoms)


@pytest.mark.parametrize("processes", [1, 2])
def test_gaps_in_ids_vacancies_and_types_without_a_network(
    processes: int, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    both = crystal.replace("pair_style alignn", "pair_style hybrid/overlay alignn zero 3.0")
    text = f"""{both.replace("* * model.alignn Si O", "* * alignn model.alignn Si NULL")}
pair_coeff * * zero
group gone id 5 9 30
delete_atoms group gone compress no
run 0
write_dump all custom last.dump id fx fy fz modify sort id format float %.16g
"""
    run(lammps, plugin, tmp_path, text, processes=processes)
    atoms = cases()["cubic"].atoms
    ids = np.setdiff1d(np.arange(1, len(atoms) + 1), [5, 9, 30])
    left = atoms[ids - 1]
    silicon = left.numbers == 14
    (expected,) = eager(SMOOTH["smooth"]).predict_tensors([left[silicon]])
    table = np.loadtxt(tmp_path / "last.dump", skiprows=9)
    assert table[:, 0].tolist() == ids.tolist()
    assert expected.forces is not None
    np.testing.assert_allclose(table[silicon, 1:], expected.forces.numpy(), atol=1e-9)
    assert (table[~silicon, 1:] == 0).all()


def test_a_process_without_atoms_does_its_part_and_a_short_halo_is_lengthened(
    crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    text = f"""processors 1 1 2
{crystal}
comm_modify cutoff 6.0
region low block INF INF INF INF 4.0 INF
group gone region low
delete_atoms group gone
run 0
variable total equal pe
print "ENERGY ${{total}} $(count(all))"
"""
    energies = []
    for processes in (1, 2):
        words = run(lammps, plugin, tmp_path, text.replace("1 1 2", f"1 1 {processes}"), processes=processes).partition(
            "ENERGY "
        )[2]
        energies.append([float(word) for word in words.split()[:2]])
    assert energies[0] == pytest.approx(energies[1], abs=1e-5)
    assert energies[0][1] < 64


def test_relaxation_of_the_cell_hybrid_styles_and_threads(
    crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    hybrid = crystal.replace("pair_style alignn", "pair_style hybrid/overlay alignn zero 3.0").replace(
        "* * model", "* * alignn model"
    )
    text = f"""{hybrid}
pair_coeff * * zero
fix cell all box/relax aniso 0.0 vmax 0.01
thermo_style custom step pe pxx pyy pzz
thermo 1
minimize 0 1e-3 8 20
unfix cell
write_data relaxed.data
change_box all triclinic
replicate 2 1 1
run 0
"""
    output = run(lammps, plugin, tmp_path, text, threads=2)
    first = output.partition("Loop time")[0].rpartition("   Step ")[2].splitlines()[1:]
    table = np.array([line.split() for line in first if line.strip()], dtype=float)
    assert table[-1, 1] < table[0, 1]
    relaxed = read_lammps_data(tmp_path / "relaxed.data", atom_style="atomic", units="metal")
    (expected,) = eager(SMOOTH["smooth"]).predict_tensors([relaxed])
    assert expected.stress is not None
    assert table[-1, 1] == pytest.approx(float(expected.energy[0]), abs=1e-6)
    pressures = -expected.stress[0].diagonal().numpy() * BAR_PER_EV_PER_A3
    np.testing.assert_allclose(table[-1, 2:], pressures, rtol=1e-5, atol=1.0)
    assert thermo(output)[-1, 1] == pytest.approx(2 * table[-1, 1], rel=1e-6)


BY_THE_PACKAGE = """
pair_style zero 4.8 nocoeff
pair_coeff * *
fix package all external pf/callback 1 1
fix_modify package energy yes virial yes
"""
"""Instead of the pair style: LAMMPS asks the ASE calculator of the package."""

MOTIONS = {
    "triclinic npt": """
velocity all create 300 1 loop geom
timestep 0.001
fix move all npt temp 300 300 0.1 tri 0 0 0.5
run 50
""",
    "box/relax": """
fix cell all box/relax tri 0.0 vmax 0.002
min_modify line quadratic
minimize 0 1e-9 50 500
""",
}


@pytest.mark.parametrize("motion", MOTIONS)
def test_lammps_moves_cell_and_atoms_as_with_the_calculator_of_the_package(
    motion: str, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    potential = model_file(tmp_path / "model.pt", SMOOTH["smooth"])
    settings, _, style = crystal.partition("pair_style")
    settings += "change_box all triclinic\n"
    end = f"""thermo_style custom step pe vol lx ly lz xy xz yz pxx pyy pzz pxy pxz pyz
thermo_modify format float %.15g
thermo 1
{MOTIONS[motion]}
write_dump all custom last.dump id xu yu zu modify sort id format float %.16g
"""
    tables, places = [], []
    for processes in (1, 2):
        tables.append(thermo(run(lammps, plugin, tmp_path, f"{settings}pair_style{style}{end}", processes=processes)))
        places.append(np.loadtxt(tmp_path / "last.dump", skiprows=9))
    (tmp_path / "in.package").write_text(f"{settings}{BY_THE_PACKAGE}{end}")
    tables.append(thermo(driven_by_the_package(lammps, tmp_path / "in.package", potential)))
    places.append(np.loadtxt(tmp_path / "last.dump", skiprows=9))
    assert len(tables[-1]) == STEPS + 1
    assert np.abs(tables[-1][-1, 3:9] - tables[-1][0, 3:9]).min() > 1e-5
    for table, place in zip(tables[:-1], places[:-1], strict=True):
        np.testing.assert_allclose(table[:, :9], tables[-1][:, :9], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(table[:, 9:], tables[-1][:, 9:], rtol=1e-7, atol=1e-2)
        np.testing.assert_allclose(place, places[-1], rtol=0, atol=1e-7)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_pressure_is_the_derivative_of_the_energy_in_the_volume(
    processes: int, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    scale, step = "change_box all x scale {0} y scale {0} z scale {0} remap\nrun 0\n", 1e-4
    text = f"{crystal}thermo_style custom step pe vol press\nthermo_modify format float %.16g\nrun 0\n"
    text += scale.format(1 + step) + scale.format((1 - step) / (1 + step))
    tables = run(lammps, plugin, tmp_path, text, processes=processes).split("   Step ")[1:]
    rows = np.array([table.splitlines()[1].split()[1:] for table in tables], dtype=float)
    (_, _, pressure), (energy_up, volume_up, _), (energy_down, volume_down, _) = rows
    slope = (energy_up - energy_down) / (volume_up - volume_down)
    assert pressure == pytest.approx(-slope * BAR_PER_EV_PER_A3, rel=1e-5)


@pytest.mark.parametrize("processes", [1, 2])
def test_bonds_and_special_bonds_do_not_change_the_forces(
    processes: int, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    bonded = crystal.replace("atom_style atomic", "atom_style full")
    bonded = bonded.replace(
        "read_data crystal.data",
        "read_data bonded.data extra/bond/types 1 extra/bond/per/atom 12 extra/special/per/atom 99",
    )
    bonded = bonded.replace("neighbor 0.3 bin", "special_bonds lj/coul 0.0 0.5 1.0\nneighbor 0.3 bin")
    case = cases()["cubic"]
    write_lammps_data(tmp_path / "bonded.data", case.atoms, specorder=["Si", "O"], masses=True, atom_style="full")
    text = f"""{bonded}
bond_style zero
bond_coeff *
create_bonds many all all 1 1.5 2.6
run 0
print "BONDS $(bonds)"
write_dump all custom last.dump id fx fy fz modify sort id format float %.16g
"""
    output = run(lammps, plugin, tmp_path, text, processes=processes)
    assert float(output.rpartition("BONDS ")[2].split()[0]) > len(case.atoms)
    (expected,) = eager(SMOOTH["smooth"]).predict_tensors([case.atoms])
    assert expected.forces is not None
    np.testing.assert_allclose(np.loadtxt(tmp_path / "last.dump", skiprows=9)[:, 1:], expected.forces, atol=1e-9)


@pytest.mark.parametrize("name", ["smooth", "published"])
def test_layers_leave_out_the_rows_of_the_halo_that_they_do_not_read(
    name: str, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    header = {"smooth": SMOOTH["smooth"], "published": ON_KERNELS["3 + 2 layers"]}[name]
    write(eager(header), tmp_path / "model.alignn", ExportOptions())
    n_layers = header.model.alignn_layers + header.model.gcn_layers
    leaves_out_rows(crystal, lammps, plugin, tmp_path, style="alignn", n_layers=n_layers)


@pytest.mark.slow
def test_layers_of_published_networks_in_torch_leave_out_such_rows_too(
    crystal: str, lammps: Lammps, torch_plugin: Path, tmp_path: Path
) -> None:
    torchscript.write(eager(HEADERS["published, 3 + 2 layers"]), tmp_path / "model.alignn", ExportOptions())
    leaves_out_rows(crystal, lammps, torch_plugin, tmp_path, style="alignn/torch", n_layers=5)


def leaves_out_rows(crystal: str, lammps: Lammps, plugin: Path, folder: Path, *, style: str, n_layers: int) -> None:
    """The energy is the same on one process and on two, and on two layers have fewer rows than all of them."""
    text = f"""{crystal.replace("pair_style alignn", f"pair_style {style}")}
replicate 1 1 4
compute network all pair {style}
thermo_style custom step pe c_network[1] c_network[2]
thermo_modify format float %.15g
run 0
"""
    alone, beside = (thermo(run(lammps, plugin, folder, text, processes=n))[-1] for n in (1, 2))
    assert alone[1] == pytest.approx(beside[1], rel=1e-12)
    assert alone[2] == alone[3] == n_layers * 256
    assert alone[2] < beside[2] < 0.6 * beside[3]


REFUSED = {
    "atoms at one place": (
        "neighbor 0.3 bin",
        "create_atoms 1 single 1 1 1\n" * 2 + "neighbor 0.3 bin",
        1,
        "one place",
    ),
    "units": ("units metal", "units real", 1, "needs units metal, not real"),
    "newton": ("newton on", "newton off", 2, "it needs newton on"),
    "exclusions": ("pair_style alignn", "neigh_modify exclude type 1 1\npair_style alignn", 1, "neigh_modify exclude"),
    "an element that is not covered": ("Si O", "Si Fe", 1, "does not cover Fe; it covers H O Si"),
    "too few elements": ("Si O", "Si", 1, "one element or NULL per atom type (2 types)"),
    "a keyword": ("pair_style alignn", "pair_style alignn fast", 1, "has the keyword ghosts only, not fast"),
    "no file": ("model.alignn", "other.alignn", 1, "cannot open the model file other.alignn"),
    "a file of another kind": ("model.alignn", "crystal.data", 1, "is not a file of `alignn-ff export --to lammps`"),
    "a damaged file": ("model.alignn", "damaged.alignn", 1, "is damaged"),
    "a file that is cut off": ("model.alignn", "short.alignn", 1, "is cut off"),
    "a halo beyond the box": ("newton on", "newton on\ncomm_style tiled", 2, "Communication cutoff"),
    "ghosts by type": (
        "neighbor 0.3 bin",
        "neighbor 0.3 multi\ncomm_modify mode multi",
        2,
        "needs comm_modify mode single",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_give_wrong_numbers_is_refused_in_words(
    what: str, crystal: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    content = (tmp_path / "model.alignn").read_bytes()
    (tmp_path / "damaged.alignn").write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    (tmp_path / "short.alignn").write_bytes(content[:-100])
    old, new, processes, words = REFUSED[what]
    assert old in crystal
    output = run(lammps, plugin, tmp_path, crystal.replace(old, new) + "run 0\n", processes=processes, code=1)
    assert words in " ".join(output.split())
