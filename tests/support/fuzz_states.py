"""Kinds of files that are mutated: data and configs of trainings, models, states of runs that are resumed."""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff import checkpoint
from alignn_ff.errors import CheckpointError
from alignn_ff.md import MDConfig, md_files, resume_md, run_md
from alignn_ff.properties.equation_of_state import EOSConfig
from alignn_ff.properties.files import restart_file
from alignn_ff.properties.run import PropertyRun, compute, stopped_run
from alignn_ff.relax import RelaxConfig, RelaxRecords, read_state, relax, resume
from alignn_ff.train import read_records, train
from alignn_ff.train.loop.state import STATE_FILE
from tests.support.labelled_data import copper_frames
from tests.support.mutations import BINARY, TEXT, Mutation
from tests.support.published_data import write_force_field_folder
from tests.support.tiny_models import tiny_header, tiny_model
from tests.support.training_runs import SMALL, Silent, small_config


def labelled(path: Path) -> list[Atoms]:
    """Structures and labels of a data set, as trainings read them."""
    found = []
    for record in read_records(path):
        labels = {"energy": record.energy, "forces": record.forces}
        record.atoms.calc = SinglePointCalculator(record.atoms, **{k: v for k, v in labels.items() if v is not None})
        found.append(record.atoms)
    return found


def write_database(path: Path) -> None:
    path.unlink(missing_ok=True)
    with ase.db.connect(path) as database:
        for frame in copper_frames(4):
            database.write(frame, key_value_pairs={"config_type": "bulk"})


def database_by_ase(path: Path) -> list[Atoms]:
    with ase.db.connect(path, append=True) as database:
        return [row.toatoms() for row in database.select()]


def write_id_prop(path: Path) -> None:
    folder = write_force_field_folder(path.parent / "folder", 4)
    shutil.copyfile(folder / "id_prop.json", path)


def write_table(path: Path) -> None:
    lines = []
    for k, atoms in enumerate(copper_frames(4)):
        ase.io.write(path.parent / f"{k}.vasp", atoms)
        lines.append(f"{k}.vasp,{-3.5 - 0.1 * k}\n")
    path.write_text("".join(lines))


def write_config(path: Path) -> None:
    path.write_text(json.dumps({**SMALL, "data": "train.extxyz", "dataset": "user_data"}, indent=1))


def rattled() -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def write_dynamics(path: Path) -> None:
    prefix = path.parent / "run"
    run_md(
        rattled(), EMT(), config=MDConfig(steps=4, checkpoint_every=2), files=md_files(Path("cu.vasp"), prefix=prefix)
    )
    shutil.copyfile(prefix.with_suffix(".restart"), path)


def resumed_dynamics(path: Path) -> object:
    with beside(path, "run*") as folder:
        shutil.copyfile(path, folder / "run.restart")
        return resume_md(folder / "run.restart", calculator=EMT(), steps=6).to_json()


def write_relaxation(path: Path) -> None:
    config = RelaxConfig(max_steps=4, fmax_eV_per_A=1e-9)
    relax(rattled(), EMT(), config=config, records=RelaxRecords(state=path))


def resumed_relaxation(path: Path) -> object:
    return resume(read_state(path), EMT(), max_steps=8).to_json()


def eos_run(prefix: Path) -> PropertyRun:
    return PropertyRun("eos", (bulk("Cu", a=3.65),), EOSConfig(points=5, fmax_eV_per_A=0.05), prefix, {"model": "emt"})


def write_journal(path: Path) -> None:
    prefix = path.parent / "cu-eos"
    compute(eos_run(prefix), EMT())
    lines = restart_file(prefix).read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2]))


def resumed_property(path: Path) -> object:
    """The rest of a property, whose journal is in its place."""
    run = stopped_run(path)
    place = path.parent / "cu-eos"
    if run.prefix != place:
        raise CheckpointError(f"{path} is of {run.prefix}")
    shutil.copyfile(path, restart_file(place))
    return compute(run, EMT(), resume=True).to_json()


def write_model(path: Path) -> None:
    header = tiny_header()
    checkpoint.save(path, header, tiny_model(header).state_dict())


def write_training(path: Path) -> None:
    folder = path.parent / "training"
    shutil.rmtree(folder, ignore_errors=True)
    ase.io.write(path.parent / "train.extxyz", copper_frames(6), format="extxyz")
    train(small_config(folder, **tiny_training(path.parent)), observer=Silent())
    shutil.copyfile(folder / STATE_FILE, path)


def tiny_training(folder: Path) -> dict[str, Any]:
    return {"epochs": 1, "data": str(folder / "train.extxyz"), "dataset": "user_data", "write_predictions": False}


def resumed_training(path: Path) -> object:
    with beside(path, "training/*") as folder:
        shutil.copyfile(path, folder / STATE_FILE)
        return train(small_config(folder, **tiny_training(path.parent)), observer=Silent(), resume=True)


@contextmanager
def beside(path: Path, pattern: str = "") -> Iterator[Path]:
    """A temporary folder with copies of the files of a run, which lie beside a damaged one."""
    with tempfile.TemporaryDirectory() as name:
        for file in path.parent.glob(pattern) if pattern else ():
            if file.is_file():
                shutil.copyfile(file, Path(name) / file.name)
        yield Path(name)


def inside(mutations: dict[str, Mutation]) -> Mutation:
    """Damage to one file of an archive, whose checksums are then made anew."""

    def mutation(content: bytes, random: Random) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        except Exception:  # noqa: BLE001 - damaged before
            return content
        name = random.choice(list(files))
        if files[name]:
            files[name] = mutations[random.choice(list(mutations))](files[name], random)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for file, text in files.items():
                archive.writestr(file, text)
        return made.getvalue()

    return mutation


def headed(content: bytes, random: Random) -> bytes:
    """Damage to the head of a restart file of dynamics, which is JSON."""
    try:
        with np.load(io.BytesIO(content)) as archive:
            arrays = dict(archive)
        head = str(arrays["head"]).encode()
    except Exception:  # noqa: BLE001 - damaged before
        return content
    text = TEXT[random.choice(list(TEXT))](head, random).decode(errors="replace").replace("\0", "?")
    made = io.BytesIO()
    np.savez(made, **{**arrays, "head": np.array(text)})
    return made.getvalue()


ARCHIVE: Final[dict[str, Mutation]] = {**BINARY, "inside": inside(BINARY)}
Writer = Callable[[Path], None]
