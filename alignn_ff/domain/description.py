"""What the training data of a model did not hold, in sentences for its card."""

from ase.data import atomic_numbers, chemical_symbols

from alignn_ff.checkpoint import Header
from alignn_ff.domain.pairs import seen_pairs, unseen_pairs

MOST_NAMES = 12


def not_in_data(header: Header) -> tuple[str, ...]:
    """A sentence for each kind of structure that the training data are known not to hold."""
    domain, symbols = header.domain, [chemical_symbols[z] for z in header.elements]
    found = []
    if domain.n_lone_atoms is not None and not header.statistics.exact_free_atoms:
        lone = [symbol for symbol in symbols if not domain.n_lone_atoms.get(symbol)]
        if lone:
            found.append(
                f"no lone atoms of {_listed(lone)}: their energy is not a prediction, nor are cohesive and atomisation "
                "energies"
            )
    if domain.n_dimers is not None and not any(domain.n_dimers.values()):
        found.append("no dimers")
    pairs = unseen_pairs((atomic_numbers[symbol] for symbol in symbols), seen_pairs(domain))
    if pairs:
        found.append(f"no neighbours {_listed(pairs)}: the interaction of these elements is a guess")
    if domain.n_structures and domain.volume_per_atom_A3 is None and domain.n_structures_per_pair is not None:
        found.append("no bulk structures")
    return tuple(found)


def _listed(names: "list[str] | tuple[str, ...]") -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
