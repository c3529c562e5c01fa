"""What a model was trained on against one structure, quantity by quantity: a report without running anything.

In: a structure and a potential. Out: a :class:`DomainReport`. A structure with elements that the model does not cover
is compared as far as this needs no energy.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from alignn_ff.cells import volume_A3
from alignn_ff.checkpoint import TrainingDomain
from alignn_ff.display import Displayed, Sheet
from alignn_ff.domain import Evaluated, Finding, pair_name, seen_pairs, sentences
from alignn_ff.domain.environments import volume_per_atom_A3
from alignn_ff.graph import TensorPrediction, find_pairs, system_from_atoms
from alignn_ff.graph.neighbors import NeighborPairs
from alignn_ff.io import check_atoms
from alignn_ff.potential import Potential

Number = float | int | None


@dataclass(frozen=True)
class Compared:
    """One quantity.

    Attributes:
        quantity: what is compared, with the element or pair that it is of.
        unit: of the numbers; "" for counts.
        training: lowest and highest value of the training data; None where there is none, or the model does not tell.
        structure: value of the structure.
        inside: whether it is within the values of the training data; None where that is not known.
    """

    quantity: str
    unit: str
    training: tuple[Number, Number]
    structure: Number
    inside: bool | None


@dataclass(frozen=True)
class DomainReport(Displayed):
    """A structure against the training data of a model.

    Attributes:
        model: its name.
        formula, n_atoms: of the structure.
        not_covered: elements of the structure that the model does not cover.
        n_structures, training_atoms: size of the training set; 0 where the model does not tell.
        compared: quantity by quantity.
        findings: what is outside by more than the margins of the checks.
    """

    model: str
    formula: str
    n_atoms: int
    not_covered: tuple[str, ...]
    n_structures: int
    training_atoms: int
    compared: tuple[Compared, ...]
    findings: tuple[Finding, ...]

    def brief(self) -> str:
        """The structure, the model, and whether it is outside."""
        found = f"{len(self.findings)} findings" if self.findings else "inside of the training data"
        return f"{self.formula} against {self.model}: {found}"

    def sheet(self) -> Sheet:
        """A row per quantity."""
        facts = {
            "model": self.model,
            "training_structures": self.n_structures or None,
            "training_atoms": self.training_atoms or None,
            "elements_that_are_not_covered": self.not_covered,
        }
        rows = self.compared
        table: dict[str, list[object]] = {
            "quantity": [f"{row.quantity}, {row.unit}" if row.unit else row.quantity for row in rows],
            "lowest": [row.training[0] for row in rows],
            "highest": [row.training[1] for row in rows],
            "here": [row.structure for row in rows],
            "inside": [row.inside for row in rows],
        }
        return Sheet(facts, {"training_data_and_structure": table}, sentences(self.findings))

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {**asdict(self), "findings": [finding.to_json() for finding in self.findings]}


def domain_report(atoms: Atoms, potential: Potential) -> DomainReport:
    """Compare a structure with the training data of a model.

    Raises:
        StructureError: the structure is not valid.
        MemoryLimitError: its evaluation does not fit into memory.
    """
    check_atoms(atoms)
    header = potential.header
    covered = {chemical_symbols[z] for z in header.elements}
    missing = tuple(sorted(set(atoms.get_chemical_symbols()) - covered))
    if missing:
        pairs, prediction = find_pairs(system_from_atoms(atoms), header.graph), None
        findings = potential.guard.findings(Evaluated(atoms, pairs))
    else:
        prepared = potential.prepare(atoms)
        prediction = potential.evaluate(prepared.system, prepared.graph)
        prediction = prediction._replace(spread=potential.spread(prediction, prepared.system, prepared.graph))
        pairs, forces = prepared.pairs, prediction.forces
        assert forces is not None
        findings = potential.outside(atoms, pairs, float(prediction.energy[0]), forces.cpu().numpy())
    return DomainReport(
        potential.name,
        atoms.get_chemical_formula(),
        len(atoms),
        missing,
        header.domain.n_structures,
        header.domain.n_atoms,
        tuple(_lines(atoms, pairs, prediction, potential)),
        findings,
    )


def _lines(
    atoms: Atoms, pairs: NeighborPairs, prediction: TensorPrediction | None, potential: Potential
) -> Iterator[Compared]:
    domain = potential.header.domain
    yield from _elements(atoms, domain)
    yield from _pairs(atoms, pairs, domain)
    volume = domain.volume_per_atom_A3
    if volume_per_atom_A3(atoms) is not None:
        yield _in_range("volume per atom", "Å³", volume, (volume_A3(atoms) or 0.0) / len(atoms))
    if prediction is not None:
        yield from _computed(atoms, prediction, potential)


def _elements(atoms: Atoms, domain: TrainingDomain) -> Iterator[Compared]:
    counts = domain.n_structures_per_element
    for symbol in sorted(set(atoms.get_chemical_symbols())):
        seen = None if counts is None else counts.get(symbol, 0)
        here = int(np.count_nonzero(atoms.symbols == symbol))
        yield Compared(f"{symbol}: training structures, atoms here", "", (seen, seen), here, _positive(seen))


def _pairs(atoms: Atoms, pairs: NeighborPairs, domain: TrainingDomain) -> Iterator[Compared]:
    numbers, counts, known_pairs = atoms.numbers, domain.n_structures_per_pair, seen_pairs(domain)
    names = [pair_name(a, b) for a, b in zip(numbers[pairs.src], numbers[pairs.dst], strict=True)]
    shortest: dict[str, float] = {}
    for name, distance in zip(names, pairs.distance.tolist(), strict=True):
        shortest[name] = min(distance, shortest.get(name, distance))
    for name, distance in sorted(shortest.items()):
        seen = None if counts is None else counts.get(name, 0)
        together = None if known_pairs is None else name in known_pairs
        yield Compared(f"{name} neighbours: training structures", "", (seen, seen), None, together)
        known = domain.shortest_distance_A.get(name)
        inside = None if known is None else distance >= known
        yield Compared(f"{name} shortest distance", "Å", (known, None), distance, inside)


def _computed(atoms: Atoms, prediction: TensorPrediction, potential: Potential) -> Iterator[Compared]:
    header, n_atoms = potential.header, len(atoms)
    domain, energy = header.domain, float(prediction.energy[0]) / n_atoms
    references = dict(zip(header.elements, header.statistics.reference_energies, strict=True))
    above = energy - float(np.mean([references[z] for z in atoms.numbers.tolist()]))
    yield _in_range("energy per atom", "eV", domain.energy_per_atom_eV, energy)
    yield _in_range("energy per atom above references", "eV", domain.energy_above_references_eV, above)
    assert prediction.forces is not None
    force = float(prediction.forces.norm(dim=1).max())
    largest = domain.largest_force_eV_per_A
    yield _in_range("largest force", "eV/Å", None if largest is None else (0.0, largest), force)
    if prediction.spread is not None:
        unknown = (None, None)
        deviation = float(prediction.spread.energy[0]) / n_atoms
        yield Compared("standard deviation of the energy per atom", "eV", unknown, deviation, None)
        if prediction.spread.forces is not None:
            worst = float(prediction.spread.forces.max())
            yield Compared("largest standard deviation of a force", "eV/Å", unknown, worst, None)


def _in_range(quantity: str, unit: str, seen: tuple[float, float] | None, value: float) -> Compared:
    if seen is None:
        return Compared(quantity, unit, (None, None), value, None)
    return Compared(quantity, unit, seen, value, bool(seen[0] <= value <= seen[1]))


def _positive(count: int | None) -> bool | None:
    return None if count is None else count > 0
