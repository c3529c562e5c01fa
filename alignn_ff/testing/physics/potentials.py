"""What holds for potentials of this package: batches, atomic energies, cutoffs, shapes, files."""

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from alignn_ff import checkpoint
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.graph import TensorPrediction, batch_graphs, batch_systems
from alignn_ff.loading import Precision
from alignn_ff.models import predict
from alignn_ff.potential import Potential, load_potential
from alignn_ff.testing.law import QUICK_STRUCTURES, DoesNotApplyError, Figure, Law, Measured, Setting, equal, gap, named
from alignn_ff.testing.physics.derivatives import has_volume
from alignn_ff.testing.structures import NAMES, WITHOUT_VOLUME
from alignn_ff.testing.subjects import PotentialSubject

DTYPE_NAMES: Final[dict[torch.dtype, Precision]] = {torch.float32: "float32", torch.float64: "float64"}


def potential_of(setting: Setting) -> Potential:
    """The potential of a setting.

    Raises:
        DoesNotApplyError: it is a calculator of another package.
    """
    potential = setting.subject.potential
    if potential is None:
        raise DoesNotApplyError("only for models of this package")
    return potential


def _batch(setting: Setting) -> Measured:
    structures = [setting.example(name) for name in (*NAMES, *setting.structures)]
    together = PotentialSubject(potential_of(setting), batch_size=len(structures)).results(structures)
    alone = [setting.results(atoms) for atoms in structures]
    pairs = zip(together, alone, strict=True)
    return Measured(tuple(f for batch, single in pairs for f in equal(batch, single, same=setting.tolerances.same)))


def _gradients_stay(setting: Setting) -> Measured:
    potential = potential_of(setting)
    names = ("rattled bulk", "molecule", "skewed tiny cell")
    prepared = [potential.prepare(setting.example(name)) for name in names]
    system = batch_systems([item.system for item in prepared])
    system = system._replace(positions=system.positions.clone().requires_grad_())
    graph = batch_graphs([item.graph for item in prepared])
    energy = predict(potential.model, system, graph, create_graph=True).energy
    figures = []
    for chosen, name in enumerate(names):
        (gradient,) = torch.autograd.grad(energy[chosen], system.positions, retain_graph=True)
        others = gradient[system.system_idx != chosen]
        own = gradient[system.system_idx == chosen]
        figures.append(Figure("slope along other structures", float(others.abs().max()), 0.0, "eV/Å", name))
        figures.append(Figure("own slopes that are all zero", float(not own.any()), 0.0, "", name))
    return Measured(tuple(figures))


def _no_stress_for_ase(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    expected = setting.results(atoms)
    atoms.calc = AlignnCalculator(potential_of(setting), outside="ignore")
    try:
        atoms.get_stress()
        refused = False
    except PropertyNotImplementedError as error:
        refused = "needs a volume" in str(error)
    same = 0.0 if setting.sums_in_order else setting.tolerances.same
    return Measured(
        (
            Figure("stresses that are not refused", float(not refused), 0.0, ""),
            Figure("energy", gap(atoms.get_potential_energy(), expected.energy), same, "eV"),
            Figure("forces", gap(atoms.get_forces(), expected.forces), same, "eV/Å"),
        )
    )


def _sum_of_parts(setting: Setting, name: str) -> Measured:
    prediction = potential_of(setting).predict_tensors([setting.example(name)])[0]
    whole = float(prediction.energy)
    difference = gap(float(prediction.atomic_energy.sum()), whole)
    return Measured((Figure("energy", difference, 1e-12 * max(1.0, abs(whole)), "eV"),))


def _beyond_the_cutoff(setting: Setting, beyond_A: float) -> Measured:
    potential = potential_of(setting)
    elements = potential.header.elements
    pair = Atoms([elements[0], elements[-1]], [[0, 0, 0], [potential.header.graph.cutoff + beyond_A, 0, 0]])
    free = setting.subject.energies([Atoms([z], [[0, 0, 0]]) for z in pair.numbers])
    prediction = potential.predict_tensors([pair])[0]
    assert prediction.forces is not None
    same = max(1e-12, 1e-3 * setting.tolerances.same)
    return Measured(
        (
            Figure("energies of the atoms", gap(prediction.atomic_energy.numpy(), free), same, "eV"),
            Figure("forces", float(prediction.forces.abs().max()), 0.0, "eV/Å"),
        )
    )


def _shapes(setting: Setting, name: str) -> Measured:
    prediction = potential_of(setting).predict_tensors([setting.example(name)])[0]
    tensors = (prediction.energy, prediction.atomic_energy, prediction.forces, prediction.stress)
    expected = ((1,), (1,), (1, 3), (1, 3, 3))
    wrong = [
        t is None or tuple(t.shape) != shape or t.dtype != torch.float64
        for t, shape in zip(tensors, expected, strict=True)
    ]
    return Measured((Figure("wrong shapes or dtypes", float(sum(wrong)), 0.0, ""),))


def _saved(setting: Setting) -> Measured:
    potential = potential_of(setting)
    if not setting.sums_in_order:
        raise DoesNotApplyError("a GPU sums in an order that may change")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pt"
        checkpoint.save(file, potential.header, potential.model.state_dict())
        again = load_potential(
            file, device=str(potential.device), dtype=DTYPE_NAMES[potential.dtype], backend=potential.backend
        )
    names = ("rattled bulk", "slab with a cell", "molecule", "free atom")
    differing = [name for name in names if _bits_differ(setting.example(name), potential, again)]
    return Measured(
        (
            Figure("headers that differ", float(again.header != potential.header), 0.0, ""),
            Figure("structures with other bits", float(len(differing)), 0.0, "", ", ".join(differing)),
        )
    )


def _bits_differ(atoms: Atoms, first: Potential, second: Potential) -> bool:
    one, other = (_tensors(each.predict_tensors([atoms])[0]) for each in (first, second))
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def _tensors(prediction: TensorPrediction) -> list[NDArray[np.float64]]:
    computed = (prediction.energy, prediction.atomic_energy, prediction.forces, prediction.stress)
    return [tensor.numpy() for tensor in (*computed, *(prediction.spread or ())) if tensor is not None]


POTENTIALS: Final[dict[str, Law]] = {
    "derivatives_in_a_batch_are_those_of_each_structure_alone": Law(
        "a batch equals single structures", "largest difference", _batch, of_potentials=True
    ),
    "no_gradient_crosses_from_one_structure_to_another": Law(
        "structures of a batch do not interact", "slope along other structures", _gradients_stay, of_potentials=True
    ),
    "stress_without_a_volume_does_not_exist": Law(
        "ASE gets an error for a stress without a volume",
        "stresses that are not refused",
        _no_stress_for_ase,
        cases={"name": named(WITHOUT_VOLUME)},
        quick={"name": ["molecule"]},
        of_potentials=True,
        suits=lambda atoms: not has_volume(atoms),
    ),
    "atomic_energies_sum_to_the_energy": Law(
        "atomic energies sum to the energy",
        "difference",
        _sum_of_parts,
        cases={"name": named(NAMES)},
        quick={"name": QUICK_STRUCTURES},
        of_potentials=True,
    ),
    "atoms_at_or_beyond_the_cutoff_do_not_interact": Law(
        "no interaction at or beyond the cutoff",
        "largest difference to free atoms",
        _beyond_the_cutoff,
        cases={"beyond_A": named([0.0, 1e-9, 0.5])},
        of_potentials=True,
    ),
    "one_atom_keeps_its_shapes": Law(
        "shapes and dtypes of a single atom",
        "wrong shapes or dtypes",
        _shapes,
        cases={"name": named(["free atom", "one-atom cell"])},
        of_potentials=True,
        suits=lambda _atoms: False,
    ),
    "saved_model_predicts_the_same_bits": Law(
        "a saved model predicts the same bits", "structures with other bits", _saved, of_potentials=True
    ),
}
"""Rows of the table of laws."""
