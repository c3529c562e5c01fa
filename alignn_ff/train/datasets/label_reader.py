"""The labels of all records of one file or data set: names and values in, checked drafts out, whatever the format.

Each label has the name that the keys give, or a usual one. A record may lack any of them, but not all. Names that look
like labels and are not read, and stresses that are ignored, are named once at the end, as is a key that no record has.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ase import Atoms

from alignn_ff.cells import volume_A3
from alignn_ff.errors import DataError
from alignn_ff.train.datasets.arrays import Array, of_atoms, scalar, shaped, stress_tensor, vector
from alignn_ff.train.datasets.collecting import Draft
from alignn_ff.train.datasets.keys import KEY_FIELDS, DataKeys, is_choice, listed
from alignn_ff.train.datasets.unread import Unread, resembled
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record

STRUCTURAL: Final = frozenset(
    {"numbers", "positions", "momenta", "tags", "masses", "initial_magmoms", "initial_charges", "extra_features"}
)
"""Names that are not labels."""

ALSO_CHOSEN: Final[Mapping[str, tuple[str, ...]]] = {"target": ("energy", "additional"), "stress": ("virial",)}
"""Kind of label → what its key chooses as well, so that other names of these are not labels."""

SHOWN: Final = 5


class Named(NamedTuple):
    """What a source holds beside a structure, name → value.

    Attributes:
        of_structure, of_atoms: all of it; they differ where a name stands for both a property of the structure and one
            of each atom.
    """

    of_structure: Mapping[str, Any]
    of_atoms: Mapping[str, Any]


class Convention(NamedTuple):
    """Units and names of a form of data.

    Attributes:
        energy_names: names of the total energy, eV.
        stress_names: usual names of the stress.
        stress_per_eV_A3: number that a stress of 1 eV/Å³ is in the data.
        target_is_per_atom: whether a target of one number is the energy per atom, and not in total.
    """

    energy_names: tuple[str, ...]
    stress_names: tuple[str, ...]
    stress_per_eV_A3: float
    target_is_per_atom: bool


class LabelReader:
    """Reads the labels of one source, record by record.

    Args:
        source: for messages.
        keys: names that the user gives.
        convention: of the form of the data.
    """

    def __init__(self, source: Path | str, keys: DataKeys, convention: Convention) -> None:
        self._name = source.name if isinstance(source, Path) else source
        self._keys, self._convention = keys, convention
        self._n_records = 0
        self._chosen = {kind for kind in KEY_FIELDS if is_choice(keys, kind)}
        self._missing, self._present = set(self._chosen), dict[str, None]()
        self._unread, self._without_volume, self._unlabelled = Unread(), list[str](), False

    def draft(self, atoms: Atoms, named: Named, identifier: str | None, place: str) -> Draft:
        """The labels of one record.

        Args:
            atoms: the structure.
            named: what the source holds beside it.
            identifier: of the record; None: its place.
            place: where it is in the source, for messages.

        Raises:
            DataError: a label is not numeric or misshapen, or there is none.
        """
        self._n_records += 1
        self._present |= dict.fromkeys(sorted({*named.of_structure, *named.of_atoms} - STRUCTURAL))
        found = {kind: self._name_of(kind, self._holder(kind, named)) for kind in LABELS}
        labels = {
            kind: self._value(kind, name, self._holder(kind, named)[name], atoms)
            for kind, name in found.items()
            if name is not None
        }
        if labels.get("stress") is not None and volume_A3(atoms) is None:
            labels.pop("stress")
            self._without_volume.append(identifier or place)
        energy = self._energy(labels, len(atoms))
        self._unread.add(identifier or place, self._look_alikes(named, found, len(atoms)))
        if energy is None and not labels:
            self._unlabelled = True
            raise DataError("no labels; an energy, the target that is learned, or another label is needed")
        return Draft(
            atoms=atoms,
            identifier=identifier,
            energy=energy,
            group=str(named.of_structure.get("config_type", "")),
            **{kind: labels.get(kind) for kind in ("forces", "stress", "target", "atomwise", "additional")},
            further={kind: label for kind, label in labels.items() if kind not in Record._fields},
        )

    def check_keys(self) -> None:
        """After the last record: the keys that the user gave exist.

        Raises:
            DataError: no record has a label under such a name.
        """
        for kind in sorted(self._missing if self._n_records else ()):
            field, option = KEY_FIELDS[kind]
            what = "which is the target" if kind == "target" else f"which {field} names"
            raise DataError(
                f"{self._name}: no {getattr(self._keys, kind)!r}, {what}; there are {listed(self._present)} ({option})"
            )

    def advice(self) -> Iterator[str]:
        """After the last record, where some cannot be used: how their labels could be read."""
        if self._unlabelled:
            names = (*self._convention.energy_names, *LABELS["target"].usual_names)
            present = listed({*self._present} - {self._keys.identifier, "config_type"})
            yield f"usual names of the energy are {', '.join(names)}; the records hold {present}"
            yield from self._unread.sentences(self._name, self._n_records)

    def notices(self) -> Iterator[str]:
        """After the last record: what was not read."""
        yield from self._unread.sentences(self._name, self._n_records)
        if self._without_volume:
            named = ", ".join(self._without_volume[:SHOWN])
            more = ", …" if len(self._without_volume) > SHOWN else ""
            yield (
                f"{self._name}: the stress of {len(self._without_volume)} of {self._n_records} records is ignored, as "
                f"their cells have no volume: {named}{more}"
            )

    def _name_of(self, kind: str, holder: Mapping[str, Any]) -> str | None:
        """The name under which a record holds a kind of label; None: it has none."""
        names = self._names(kind)
        name = next((name for name in names if name in holder), None)
        if name is None:
            return None
        self._missing.discard(kind)
        return name if kind in ("energy", "target") or holder[name] is not None else None

    def _names(self, kind: str) -> tuple[str, ...]:
        """Names of a kind of label, in the order in which they are tried."""
        if kind == "energy":
            return self._convention.energy_names
        given: str | None = getattr(self._keys, kind, None)
        usual = self._convention.stress_names if kind == "stress" else LABELS[kind].usual_names
        if kind == "target" and given in self._convention.energy_names:
            return ()
        return (given,) if kind in self._chosen and given else ((given, *usual) if given else usual)

    def _value(self, kind: str, name: str, value: Any, atoms: Atoms) -> Any:
        n_atoms = len(atoms)
        if kind == "energy":
            return scalar(name, value)
        if kind == "forces":
            return shaped(name, value, (n_atoms, 3))
        if kind == "stress":
            return self._stress(name, value, atoms)
        return of_atoms(name, value, n_atoms) if LABELS[kind].rows == "atom" else vector(name, value)

    def _stress(self, name: str, value: Any, atoms: Atoms) -> Array:
        tensor, volume = stress_tensor(name, value), volume_A3(atoms)
        if "virial" in name.lower():
            return -tensor / volume if volume else tensor
        return tensor / self._convention.stress_per_eV_A3

    def _energy(self, labels: dict[str, Any], n_atoms: int) -> float | None:
        """Total energy, eV: the target that the keys name, or the energy of the source, or any target of one number."""
        energy: float | None = labels.pop("energy", None)
        target = labels.get("target")
        if target is None or target.size != 1 or (energy is not None and "target" not in self._chosen):
            return energy
        return float(target[0]) * (n_atoms if self._convention.target_is_per_atom else 1)

    def _holder(self, kind: str, named: Named) -> Mapping[str, Any]:
        return named.of_atoms if LABELS[kind].rows == "atom" else named.of_structure

    def _look_alikes(self, named: Named, found: Mapping[str, str | None], n_atoms: int) -> dict[str, str]:
        """Names that look like a label that the record lacks, or whose name the user did not choose → its kind."""
        read = {found["energy"] or found["target"]: "energy", found["stress"]: "virial"}
        has = {kind for kind, name in found.items() if name is not None}
        has |= {kind for name, kind in read.items() if name is not None}
        settled = has & {kind for chosen in self._chosen for kind in (chosen, *ALSO_CHOSEN.get(chosen, ()))}
        others = {**named.of_atoms, **named.of_structure}
        kinds = {
            name: resembled(name, value, n_atoms)
            for name, value in others.items()
            if name not in STRUCTURAL and name not in found.values()
        }
        return {name: kind for name, kind in kinds.items() if kind is not None and kind not in settled}
