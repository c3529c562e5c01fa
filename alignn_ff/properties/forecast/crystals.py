"""Plans of the properties of a crystal that need no supercell, and of a report."""

from collections.abc import Sequence

from ase import Atoms

from alignn_ff.errors import AlignnError
from alignn_ff.properties.crystal_report import ReportConfig, settings_of
from alignn_ff.properties.elasticity.config import ElasticConfig
from alignn_ff.properties.elasticity.constants import AMPLITUDES
from alignn_ff.properties.equation_of_state import EOSConfig
from alignn_ff.properties.formation.config import FormationConfig
from alignn_ff.properties.plan import CRYSTAL_STEPS, Part, Parts, first_part
from alignn_ff.properties.reference import check_crystal
from alignn_ff.properties.work import Work


def equation_of_state(atoms: Atoms, config: EOSConfig, work: Work) -> Parts:  # noqa: ARG001
    """A relaxation per volume."""
    check_crystal(atoms, "an equation of state")
    return [first_part(atoms, config), Part("relaxed volumes", config.points, len(atoms), CRYSTAL_STEPS)]


def elastic_constants(atoms: Atoms, config: ElasticConfig, work: Work) -> Parts:  # noqa: ARG001
    """Strained cells, as strained and relaxed."""
    check_crystal(atoms, "the elastic tensor")
    n = 6 * len(AMPLITUDES)
    return [
        first_part(atoms, config),
        Part("strained cells", n + 1, len(atoms)),
        Part("relaxed strained cells", n, len(atoms), CRYSTAL_STEPS),
    ]


def formation_energy(atoms: Atoms, config: FormationConfig, work: Work) -> Parts:
    """The crystal and its elements."""
    check_crystal(atoms, "a formation energy")
    return convex_hull([atoms], config, work)


def convex_hull(structures: Sequence[Atoms], config: FormationConfig, work: Work) -> Parts:  # noqa: ARG001
    """All structures and their elements."""
    steps = CRYSTAL_STEPS if config.relax else 1
    largest = max(len(atoms) for atoms in structures)
    elements = {symbol for atoms in structures for symbol in atoms.symbols}
    return [
        Part("structures", len(structures), largest, steps),
        Part("references of the elements", len(elements), 8, steps),
    ]


def report(atoms: Atoms, config: ReportConfig, work: Work) -> Parts:
    """The relaxation, and the parts with their defaults; those that are refused are left out, as in the report."""
    from alignn_ff.properties.table import PROPERTIES

    check_crystal(atoms, "a report")
    parts = [first_part(atoms, config)]
    for name in config.chosen:
        row = PROPERTIES[name]
        if row.plan is not None:
            try:
                inner = row.call(row.plan(), [atoms], settings_of(name, config), work)
            except AlignnError:
                continue
            parts += [part._replace(what=f"{name}: {part.what}") for part in inner]
    return parts
