"""Models for a structure: ranked by elements, pairs and errors on the data that it is most like; what auto takes."""

import importlib
import json
import logging
import shutil
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.data import chemical_symbols

from alignn_ff import load_potential
from alignn_ff.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DownloadError,
    ElementNotCoveredError,
    ModelNotFoundError,
)
from alignn_ff.train import train
from alignn_ff.train.held_out import held_out_errors
from alignn_ff.zoo import ModelCard, add, choose, described_kind, fetch, places, recommend, sha256_of
from alignn_ff.zoo.cards import card_text, read_card
from alignn_ff.zoo.kinds import nearest, shape_of
from alignn_ff.zoo.pages import model_section, models_table
from tests.support.command_line import CommandLine
from tests.support.file_server import FileServer, running_server
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import Silent, small_config

REPOSITORY = Path(__file__).parents[2]
LARGEST_WHEEL = 15_000_000


def kind(name: str, structures: list[Atoms], force: float):
    return described_kind(name, structures, {"force_MAE_eV_per_A": force, "energy_MAE_meV_per_atom": 1.0})


CRYSTALS = [bulk("Si"), bulk("Si", a=5.6)]
SLABS = [fcc111("Si", (2, 2, 3), a=5.4, vacuum=8.0)]


def card(name: str, elements: tuple[str, ...], folder: Path, **fields) -> ModelCard:
    known = {"summary": name, "family": "alignn_smooth", "n_parameters": 1, "cutoff_A": 5.0, "sha256": "00"}
    return ModelCard(name=name, elements=elements, folder=folder / name, **{**known, **fields})


@pytest.fixture
def shipped(tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped zoo: a special model that is bad at slabs, a wide one that is good at them, one without some pairs."""
    zoo = tmp_path / "shipped"
    held = {
        "special": (kind("crystal", CRYSTALS, 0.01), kind("surface", SLABS, 0.9)),
        "wide": (kind("crystal", CRYSTALS, 0.05), kind("surface", SLABS, 0.1)),
        "apart": (),
    }
    elements = {"special": ("Si",), "wide": ("C", "Ge", "Si"), "apart": ("Ge", "Si")}
    for name, kinds in held.items():
        unseen = ("Si-Ge",) if name == "apart" else ()
        one = card(name, elements[name], zoo, held_out=kinds, unseen_pairs=unseen)
        one.folder.mkdir(parents=True)
        shutil.copy(si_model_file, one.file)
        (one.folder / "card.toml").write_text(card_text(one), encoding="utf-8")
    monkeypatch.setattr(importlib.import_module("alignn_ff.zoo.cards"), "zoo_folder", lambda: zoo)
    monkeypatch.setattr(importlib.import_module("alignn_ff.zoo.add"), "zoo_folder", lambda: zoo)
    return zoo


def names(structure: Atoms) -> list[str]:
    return [found.name for found in recommend(structure.numbers, [structure])]


def test_shapes_are_counted_by_periodic_directions_without_vacuum() -> None:
    chain = Atoms("C", cell=[2, 20, 20], pbc=True)
    assert [shape_of(atoms) for atoms in (molecule("H2O"), chain, SLABS[0], CRYSTALS[0])] == [
        "molecule",
        "chain",
        "slab",
        "bulk",
    ]


def test_the_nearest_kind_has_the_elements_then_the_shape_then_the_volume() -> None:
    kinds = [kind("dense", [bulk("Si", a=5.0)], 1.0), kind("normal", CRYSTALS, 1.0), kind("slab", SLABS, 1.0)]
    kinds.append(kind("other", [bulk("Ge", a=5.43)], 1.0))
    for structure, name in ((bulk("Si", a=5.1), "dense"), (bulk("Si"), "normal"), (SLABS[0], "slab")):
        found = nearest(kinds, structure)
        assert found is not None
        assert found.kind == name
    assert nearest([], bulk("Si")) is None


def test_forces_that_vanish_by_symmetry_are_no_reason() -> None:
    """The crystal itself "recommended" a model with 3e-08 eV/Å."""
    metrics = {"force_MAE_eV_per_A": 3e-8, "energy_MAE_meV_per_atom": 2.5, "stress_MAE_GPa": 0.1}
    crystal = described_kind("crystal", CRYSTALS[:1], metrics)
    assert crystal.error == 2.5
    assert crystal.in_words() == "2.5 meV/atom, 0.1 GPa on crystal (1 structure held out)"
    assert described_kind("crystal", CRYSTALS[:1], {**metrics, "force_MAE_eV_per_A": 0.002}).error == 0.002


def test_models_are_ranked_by_the_error_on_the_nearest_kind(shipped: Path) -> None:
    assert names(CRYSTALS[0]) == ["special", "wide", "apart"]
    assert names(SLABS[0]) == ["wide", "special", "apart"]
    assert choose([14], [SLABS[0]]).name == "wide"
    assert choose([14]).name == "special"


def test_a_model_of_many_elements_comes_after_those_of_few(shipped: Path) -> None:
    everything = tuple(chemical_symbols[1:30])
    many = card("many", everything, shipped, held_out=(kind("crystal", CRYSTALS, 0.001),), unseen_pairs=())
    cards = [found.card for found in recommend([14])]
    assert [found.name for found in recommend([14], CRYSTALS[:1], among=[many, *cards])][-1] == "many"
    assert recommend([8], among=[many, *cards])[0].name == "many"


def test_a_model_that_never_saw_a_pair_comes_after_those_that_did(shipped: Path) -> None:
    alloy = bulk("Si") * (2, 1, 1)
    alloy.numbers[0] = 32
    ranked = recommend(alloy.numbers, [alloy])
    assert [found.name for found in ranked] == ["wide", "apart", "special"]
    assert "never saw Si-Ge together" in ranked[1].sentence
    assert ranked[2].reasons == ("does not cover Ge",)
    assert ranked[0].covers
    assert not ranked[2].covers
    with pytest.raises(ElementNotCoveredError, match="no shipped model covers U"):
        choose([92])


def test_auto_prints_what_it_took_and_why(
    shipped: Path, command_line: CommandLine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ase.io.write(tmp_path / "slab.vasp", SLABS[0], direct=True)
    for words in (("energy", "slab.vasp"), ("predict", "auto", "slab.vasp"), ("eval", "auto", "cu.extxyz")):
        if words[0] == "eval":
            frames = copper_frames(1)
            frames[0].numbers[:] = 14
            write_frames(tmp_path / "cu.extxyz", frames)
        ended = command_line(*words[:-1], tmp_path / words[-1], "--json")
        assert ended.code == 0, ended.stderr
        assert "model wide: covers C, Ge, Si; 0.1 eV/Å" in ended.stderr or words[0] == "eval"
        assert "model special: covers Si" in ended.stderr or words[0] != "eval"
    caplog.set_level(logging.INFO)
    assert load_potential("auto", for_atoms=SLABS[0]).name == "wide"
    assert "auto took model wide: covers" in caplog.text


def test_recommend_prints_and_gives_json(shipped: Path, command_line: CommandLine, tmp_path: Path) -> None:
    ase.io.write(tmp_path / "si.vasp", CRYSTALS[0])
    shown = command_line("zoo", "recommend", tmp_path / "si.vasp")
    assert shown.code == 0
    assert shown.stdout.index("special") < shown.stdout.index("wide") < shown.stdout.index("apart")
    assert "0.01 eV/Å, 1 meV/atom on crystal (2 structures held out)" in " ".join(shown.stdout.split())
    rows = json.loads(command_line("zoo", "recommend", tmp_path / "si.vasp", "--json").stdout)
    assert [row["name"] for row in rows] == ["special", "wide", "apart"]
    assert rows[0]["nearest_held_out"][0]["kind"] == "crystal"
    ase.io.write(tmp_path / "u.vasp", bulk("U", "bcc", a=3.4))
    assert "No model covers the structure" in command_line("zoo", "recommend", tmp_path / "u.vasp").stdout


def test_without_a_structure_nothing_is_said_of_errors_that_the_card_states(tmp_path: Path) -> None:
    told = card("told", ("Si",), tmp_path, held_out=(kind("crystal", CRYSTALS, 0.001),))
    silent = card("silent", ("Si",), tmp_path)
    reasons = {found.name: found.reasons for found in recommend([14], among=[told, silent])}
    assert "its card states no errors by kind of data" in reasons["silent"]
    assert "its card states no errors by kind of data" not in reasons["told"]


def test_show_names_the_pairs_that_were_never_seen(shipped: Path, command_line: CommandLine) -> None:
    assert "pairs never seen together  Si-Ge" in command_line("zoo", "show", "apart").stdout
    assert "pairs never seen together  none" in command_line("zoo", "show", "wide").stdout


# adding


def test_one_command_adds_a_model_with_its_card_errors_and_config(
    shipped: Path, si_model_file: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    frames = copper_frames(4)
    for frame, group in zip(frames, ("hot", "hot", "cold", "cold"), strict=True):
        frame.numbers[:] = 14
        frame.info["config_type"] = group
    held_out = write_frames(tmp_path / "held.extxyz", frames)
    described = tmp_path / "card.toml"
    described.write_text(
        'summary = "tiny"\nlicence = "MIT"\ndoi = "10.1/x"\ngood_for = ["tests"]\nnot_for = ["work"]\n'
        '[[properties]]\nname = "a of fcc"\nunit = "Å"\nvalue = 3.6\nreference = 3.7\nsource = "PBE"\n'
    )
    words = (
        "zoo",
        "add",
        si_model_file,
        "--name",
        "tiny",
        "--card",
        described,
        "--held-out",
        held_out,
        "--zoo",
        shipped,
    )
    ended = command_line(*words, "--no-check")
    assert ended.code == 0, ended.stderr
    found = read_card(shipped / "tiny" / "card.toml")
    assert [(one.kind, one.n_structures, one.shapes) for one in found.held_out] == [
        ("cold", 2, ("bulk",)),
        ("hot", 2, ("bulk",)),
    ]
    assert {"energy_MAE_meV_per_atom", "force_MAE_eV_per_A", "stress_MAE_GPa"} <= found.held_out[0].metrics.keys()
    assert (found.doi, found.good_for, found.properties[0].reference) == ("10.1/x", ("tests",), 3.7)
    assert found.n_bytes == (shipped / "tiny" / "model.pt").stat().st_size
    assert found == read_card(shipped / "tiny" / "card.toml")
    page = models_table([found]) + model_section(found)
    for word in (
        "[10.1/x](https://doi.org/10.1/x)",
        "- tests",
        "- work",
        "| cold | 2 | bulk |",
        "| a of fcc | 3.6 Å |",
    ):
        assert word in page
    again = command_line(*words, "--no-check", "--overwrite")
    assert again.code == 0, again.stderr


def test_the_table_averages_over_labels_of_dft_only() -> None:
    card = read_card(REPOSITORY / "models_zoo" / "si" / "card.toml")
    measured, taught = kind("hot", CRYSTALS, 0.04), kind("dense", CRYSTALS * 3, 0.4)
    for teachers, force in (((), "0.31"), (("dense",), "0.04")):
        changed = card.model_copy(update={"held_out": (measured, taught), "teacher_kinds": teachers})
        assert f"| {force} |" in models_table([changed])
        assert "| dense |" in model_section(changed)
    with pytest.raises(ValueError, match="kinds of held_out are AIMD-NVT"):
        ModelCard.model_validate({**card.model_dump(), "teacher_kinds": ("dence",)})


def test_the_errors_of_folds_are_those_of_their_models_on_what_they_validated(
    command_line: CommandLine, tmp_path: Path
) -> None:
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    for fold in (0, 1):
        config = small_config(tmp_path / f"fold{fold}", epochs=1, cross_validation={"n_folds": 4, "fold": fold})
        train(config, observer=Silent(), data=data, device="cpu")
    words = ("zoo", "add", tmp_path / "fold0", "--name", "my-cu", "--no-check")
    ended = command_line(*words, "--held-out", data, "--fold", tmp_path / "fold0", "--fold", tmp_path / "fold1")
    assert ended.code == 0, ended.stderr
    kinds = read_card(places.user_zoo() / "my-cu" / "card.toml").held_out
    assert sum(kind.n_structures for kind in kinds) == 4
    parts = [json.loads((tmp_path / f"fold{fold}" / "metrics.json").read_text())["val"]["all"] for fold in (0, 1)]
    mean = sum(part["energy_MAE_meV_per_atom"] for part in parts) / 2
    whole = sum(kind.n_structures * kind.metrics["energy_MAE_meV_per_atom"] for kind in kinds) / 4
    assert whole == pytest.approx(mean, rel=1e-3)
    other = write_frames(tmp_path / "other.extxyz", copper_frames(3))
    for more, said in ((("--fold", tmp_path / "fold0"), "give both"), (("--held-out", other, "--fold", tmp_path), "")):
        refused = command_line(*words, "--overwrite", *more)
        assert refused.code == 2
        assert said in " ".join(refused.stderr.split())
    with pytest.raises(DataError, match="of which 0 are in"):
        held_out_errors(tmp_path / "fold0", other, folds=[tmp_path / "fold0"])


def test_a_description_that_follows_from_the_model_is_refused(
    si_model_file: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "card.toml").write_text('elements = ["U"]\n')
    ended = command_line("zoo", "add", si_model_file, "--card", tmp_path / "card.toml")
    assert ended.code == 2
    assert "has elements; a card for zoo add may have summary, data" in " ".join(ended.stderr.split())
    with pytest.raises(ConfigError, match="good_for"):
        add(si_model_file, described={"good_for": 3})


# models that do not ship


@pytest.fixture
def server():
    with running_server() as one:
        yield one


def put_elsewhere(shipped: Path, server: FileServer) -> ModelCard:
    """Take the file of a shipped model away, to a server."""
    one = read_card(shipped / "special" / "card.toml")
    server.content = one.file.read_bytes()
    changed = one.model_copy(update={"url": server.url, "sha256": sha256_of(one.file)})
    (one.folder / "card.toml").write_text(card_text(changed), encoding="utf-8")
    one.file.unlink()
    return changed


def test_a_model_that_does_not_fit_is_fetched_by_name_with_its_checksum(shipped: Path, server: FileServer) -> None:
    put_elsewhere(shipped, server)
    assert choose([14]).name != "special"  # auto never downloads
    (missing,) = [found for found in recommend([14]) if found.name == "special"]
    assert "is not on this machine: alignn-ff zoo fetch special" in missing.sentence
    with pytest.raises(ModelNotFoundError, match=r"too large to ship.*zoo fetch special.*without one, copy"):
        load_potential("special")
    assert fetch("special") == places.download_cache() / "special"
    server.status = 500
    assert load_potential("special").name == "special"
    assert choose([14]).name == "special"


def test_another_file_under_the_name_of_a_model_is_refused(shipped: Path, server: FileServer) -> None:
    one = put_elsewhere(shipped, server)
    server.content += b"damaged"
    with pytest.raises(DownloadError, match="is expected"):
        fetch("special")
    fetch(server.url, name="special")
    with pytest.raises(CheckpointError, match="is not the model 'special' of this package"):
        load_potential("special")
    assert one.url is not None


def test_offline_the_error_names_the_model_and_the_address(shipped: Path, server: FileServer) -> None:
    one = put_elsewhere(shipped, server)
    (one.folder / "card.toml").write_text(card_text(one.model_copy(update={"url": "http://127.0.0.1:9/model.pt"})))
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9/model\.pt"):
        fetch("special")


def test_the_wheel_stays_small() -> None:
    files = [path for name in ("alignn_ff", "models_zoo") for path in (REPOSITORY / name).rglob("*") if path.is_file()]
    shipped = [path for path in files if "__pycache__" not in path.parts and path.suffix not in (".so", ".o")]
    assert sum(path.stat().st_size for path in shipped) < LARGEST_WHEEL
