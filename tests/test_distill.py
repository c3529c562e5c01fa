"""The generator of examples/universal without its teacher: plausible seeds, chunks that follow from their number."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.train import read_records

FOLDER = Path(__file__).parents[1] / "examples" / "universal"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """The modules of the example: seeds and distill; others can be imported, and are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import distill  # type: ignore[import-not-found]
    import seeds  # type: ignore[import-not-found]

    monkeypatch.setattr(distill, "SEEDS_PER_CHUNK", 4)
    yield seeds, distill
    for name in ("seeds", "distill", "prepare", "dense"):
        sys.modules.pop(name, None)


def labelled(atoms: Atoms) -> Atoms:
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((len(atoms), 3)), stress=np.zeros(6))
    return atoms


def pool_of(seeds: Any) -> Any:
    salt = bulk("NaCl", "rocksalt", a=5.6)
    frames = [labelled(atoms) for atoms in (salt, bulk("MgO", "rocksalt", a=4.2), bulk("Cu"), bulk("Si"), bulk("Fe"))]
    return seeds.pool_of(frames, [seeds.Prototype(salt, 17)])


class Teacher:
    """Springs to where the atoms are: small forces and stresses; refuses every eleventh structure."""

    def __init__(self, distill: Any) -> None:
        self.labels, self.n_calls, self.n_seen = distill.Labels, 0, 0

    def __call__(self, batch: Sequence[Atoms]) -> list[Any]:
        self.n_calls += 1
        return [self._one(atoms) for atoms in batch]

    def _one(self, atoms: Atoms) -> Any:
        self.n_seen += 1
        if self.n_seen % 11 == 0:
            return None
        forces = np.sin(atoms.positions) * 0.3
        return self.labels(float(len(atoms)), forces - forces.mean(axis=0), 0.01 * np.eye(3))


def test_volumes_are_those_of_the_frames(modules) -> None:
    seeds, _ = modules
    frames = [bulk("Cu", a=3.6) for _ in range(200)]
    volumes = seeds.atomic_volumes(frames, [29, 55])
    assert volumes[29] == pytest.approx(3.6**3 / 4, rel=1e-2)
    assert volumes[55] > 60  # from the covalent radius alone
    assert seeds.atomic_volumes([], [1])[1] >= seeds.SMALLEST_A3


def test_seeds_follow_from_the_generator_and_have_the_volume_of_their_elements(modules) -> None:
    seeds, _ = modules
    pool = pool_of(seeds)
    drawn = [[seeds.draw_seed(np.random.default_rng(n), pool) for n in range(60)] for _ in range(2)]
    for one, same in zip(*drawn, strict=True):
        assert one == same
        assert set(one.numbers) <= set(pool.volumes)
    assert len({atoms.get_chemical_formula() for atoms in drawn[0]}) > 20
    for atoms in drawn[0]:
        distances = atoms.get_volume() / sum(pool.volumes[int(z)] for z in atoms.numbers)
        assert 0.2 < distances < 5.0


def test_seeds_come_from_frames_of_the_size_and_the_formulas_asked_for(modules) -> None:
    seeds, _ = modules
    salt = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    frames = [labelled(salt), labelled(salt * (3, 1, 1)), labelled(bulk("Si"))]

    def sizes(**options: Any) -> list[int]:
        return [len(atoms) for atoms in seeds.pool_of(frames, [], **options).calm]

    assert sizes() == [8, 2]
    assert sizes(most_atoms=24) == [8, 24, 2]
    assert sizes(most_atoms=24, held_out={"NaCl"}) == [2]
    assert set(seeds.pool_of(frames, [], held_out={"NaCl"}).volumes) == {11, 14, 17}


def test_elements_are_replaced_by_different_ones(modules) -> None:
    seeds, _ = modules
    pool = pool_of(seeds)
    for n in range(30):
        new = seeds._replaced(np.random.default_rng(n), [11, 17, 17, 11], pool)
        assert new[0] == new[3] != new[1] == new[2]


def test_nonsense_is_not_labelled(modules) -> None:
    seeds, distill = modules
    assert seeds.is_sane(bulk("Cu"))
    assert not seeds.is_sane(bulk("Cu", a=2.4))
    assert not seeds.is_sane(bulk("Cu", a=12.0))
    broken = bulk("Cu")
    broken.positions[0, 0] = np.nan
    assert not seeds.is_sane(broken)
    for energy, force in ((np.nan, 0.0), (1.0, np.inf), (1.0, 11.0)):
        assert not distill._is_usable(distill.Labels(energy, np.full((1, 3), force), np.eye(3)))


def test_a_step_follows_the_forces_and_shrinks_a_cell_under_tension(modules) -> None:
    _, distill = modules
    atoms = bulk("Si")
    moved = distill.relaxed_step(atoms, distill.Labels(0.0, np.array([[1.0, 0, 0], [-1.0, 0, 0]]), 0.01 * np.eye(3)))
    assert moved.get_volume() < atoms.get_volume()
    assert moved.get_distance(0, 1, mic=True) < atoms.get_distance(0, 1, mic=True)
    far = distill.relaxed_step(atoms, distill.Labels(0.0, np.array([[9.0, 0, 0], [-9.0, 0, 0]]), np.zeros((3, 3))))
    assert np.linalg.norm(far.positions - atoms.positions, axis=1).max() == pytest.approx(distill.LONGEST_STEP_A)


def test_chunks_are_the_same_again_and_resume(modules, tmp_path: Path) -> None:
    seeds, distill = modules
    pool = pool_of(seeds)
    for folder in ("one", "other"):
        lines = list(distill.make_chunks(pool, distill.Recipe(Teacher(distill)), tmp_path / folder, range(2)))
        assert [("frames" in line) for line in lines] == [True, True]
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()
    assert (tmp_path / "one" / "chunk-00000.extxyz.gz").stat().st_size > 0
    (tmp_path / "one" / "chunk-00001.extxyz.gz").unlink()
    teacher = Teacher(distill)
    lines = list(distill.make_chunks(pool, distill.Recipe(teacher), tmp_path / "one", range(2)))
    assert "there already" in lines[0]
    assert teacher.n_calls == distill.RELAXATION_STEPS + 2
    records = read_records(tmp_path / "one" / "chunk-00001.extxyz.gz")
    assert {record.group for record in records} == {"relaxing", "relaxed", "distorted"}
    assert all(record.atoms.info["chunk"] == 1 and record.stress is not None for record in records)


def test_a_model_relaxes_in_place_of_the_teacher_which_labels_two_frames_of_each(modules, tmp_path: Path) -> None:
    """The steps are those of the model, and what it refuses is left out: one in eleven, here one of 32."""
    seeds, distill = modules
    model, taught = Teacher(distill), list[int]()

    def teacher(batch: Sequence[Atoms]) -> list[Any]:
        taught.append(len(batch))
        return [distill.Labels(-1.0, np.zeros((len(atoms), 3)), np.zeros((3, 3))) for atoms in batch]

    (line,) = distill.make_chunks(pool_of(seeds), distill.Recipe(teacher, relax=model), tmp_path, range(1))
    assert "frames" in line
    assert model.n_calls == distill.STEPS_OF_A_MODEL
    n_distorted, n_relaxed = taught
    assert 0 < n_distorted <= n_relaxed < distill.SEEDS_PER_CHUNK
    groups = [record.group for record in read_records(tmp_path / "chunk-00000.extxyz.gz")]
    assert groups == ["distorted"] * n_distorted + ["relaxed"] * n_relaxed


def test_a_shipped_model_can_relax(modules) -> None:
    """Its labels are energy, forces and stress of ASE; structures that it does not know have none."""
    _, distill = modules
    known, unknown = bulk("Si", a=5.3), bulk("Cu")
    found = distill.labels_of_model("si")([known, unknown])
    assert found[0].stress[0, 0] < 0  # compressed
    assert found[0].forces.shape == (2, 3)
    assert found[1] is None


def test_shares_of_seeds_stay_in_proportion(modules) -> None:
    seeds, distill = modules
    shares = seeds.shares_with(0.65)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["prototype"] / shares["elemental"] == pytest.approx(
        seeds.SHARES["prototype"] / seeds.SHARES["elemental"]
    )
    pool = pool_of(seeds)
    drawn = [seeds.draw_seed(np.random.default_rng(n), pool, seeds.shares_with(1.0)) for n in range(60)]
    assert {len(atoms) for atoms in drawn} <= {len(atoms) for atoms in pool.calm}  # no larger cell of one element
    with pytest.raises(ValueError, match="near equilibrium"):
        seeds.draw_seed(np.random.default_rng(0), pool._replace(calm=()), seeds.shares_with(1.0))
    for word in ("1.2", "-0.1"):
        with pytest.raises(argparse.ArgumentTypeError):
            distill.share(word)


def test_held_out_formulas_are_written_once_and_last(modules, tmp_path: Path, monkeypatch, capsys) -> None:
    """``Cu2`` is the formula Cu; the printed options make its frames the validation set."""
    import prepare  # type: ignore[import-not-found]

    salt, copper = labelled(bulk("NaCl", "rocksalt", a=5.6)), labelled(bulk("Cu") * (2, 1, 1))
    ase.io.write(tmp_path / "dft.extxyz", [copper, salt])
    ase.io.write(tmp_path / "taught.extxyz", [copper, labelled(bulk("Si"))])
    (tmp_path / "held.txt").write_text("Cu\nMgO\n")
    monkeypatch.chdir(tmp_path)
    words = ["--dft", "dft.extxyz", "--distilled", "taught.extxyz", "--hold-out", "held.txt", "--output", "all.extxyz"]
    monkeypatch.setattr(sys, "argv", ["prepare.py", *words])
    prepare.main()
    assert "n_train=4 --set n_val=2 " in capsys.readouterr().out
    frames = ase.io.read(tmp_path / "all.extxyz", ":")
    assert [str(atoms.symbols) for atoms in frames] == ["Si2", "NaCl", "NaCl", "NaCl", "Cu2", "Cu2"]


def test_dense_crystals_of_each_element(modules, tmp_path: Path, monkeypatch, capsys) -> None:
    import dense  # type: ignore[import-not-found]

    frames = [labelled(atoms) for atoms in (bulk("Cu", a=3.6), bulk("Na", "bcc", a=4.2))]
    ase.io.write(tmp_path / "dft.extxyz", frames)
    words = ["dense.py", str(tmp_path / "dft.extxyz"), "--output", str(tmp_path / "dense.extxyz")]
    monkeypatch.setattr(sys, "argv", words)
    dense.main()
    found = ase.io.read(tmp_path / "dense.extxyz", ":")
    assert "of 2 elements" in capsys.readouterr().out
    assert {str(atoms.symbols[0]) for atoms in found} == {"Cu", "Na"}
    assert all(2.2 <= atoms.get_volume() / len(atoms) < 14 for atoms in found)


def test_an_interrupted_chunk_leaves_no_file(modules, tmp_path: Path) -> None:
    seeds, distill = modules
    teacher = Teacher(distill)

    def interrupted(batch: Sequence[Atoms]) -> list[Any]:
        if teacher.n_calls == 3:
            raise KeyboardInterrupt
        return teacher(batch)

    with pytest.raises(KeyboardInterrupt):
        list(distill.make_chunks(pool_of(seeds), distill.Recipe(interrupted), tmp_path, range(1)))
    assert list(tmp_path.iterdir()) == []


def test_chunks_are_chosen_by_first_and_end(modules) -> None:
    _, distill = modules
    assert distill.chunk_numbers("3:5") == range(3, 5)
    for word in ("3", "3:", "0:4:2"):
        with pytest.raises(argparse.ArgumentTypeError):
            distill.chunk_numbers(word)
