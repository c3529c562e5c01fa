"""Files of the target aoti: the traced program is the model, and a file is refused in words where it cannot run."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from alignn_ff.checkpoint import Header
from alignn_ff.errors import CheckpointError, ConfigError, ElementNotCoveredError
from alignn_ff.export import TARGETS, ExportOptions, export
from alignn_ff.export.aoti import file, machine
from alignn_ff.export.aoti.file import Compiled, read, read_about
from alignn_ff.export.aoti.machine import machine_record, misfit
from alignn_ff.export.aoti.tracing import OUTPUTS, exported_program
from alignn_ff.export.torchscript.file import ABOUT
from alignn_ff.graph import TensorPrediction
from alignn_ff.potential import Potential
from alignn_ff.testing.structures import NAMES, structure
from tests.support.command_line import CommandLine
from tests.support.exports import HEADERS, SMOOTH, eager, evaluated, model_file
from tests.support.tiny_models import ELEMENTS

CPU = torch.device("cpu")


def about_of(header: Header, **changes: object) -> dict[str, Any]:
    """What a file of a tiny model holds beside the code."""
    content = {"format": file.FORMAT, "version": file.VERSION, "model": "tiny", "machine": machine_record("cpu")}
    return {**content, "header": header.model_dump(mode="json"), **changes}


def shallow(header: Header) -> Header:
    """One layer of each kind, so that it is traced in seconds."""
    return header.model_copy(update={"model": header.model.model_copy(update={"alignn_layers": 1, "gcn_layers": 1})})


def assert_agrees(found: dict[str, torch.Tensor], expected: TensorPrediction, *, atol: float = 1e-12) -> None:
    assert expected.forces is not None
    assert expected.stress is not None
    scale = max(1.0, float(expected.forces.abs().max()))
    wanted = (expected.energy[0], expected.atomic_energy, expected.forces, expected.stress[0])
    for name, value in zip(OUTPUTS, wanted, strict=True):
        torch.testing.assert_close(found[name], value, rtol=0, atol=atol * scale, equal_nan=True)


def assert_program_is_the_model(header: Header) -> None:
    potential = eager(header)
    program = exported_program(potential, 1.0, CPU).module()
    compiled = Compiled(about_of(header), program)
    for kind in NAMES:
        given, expected = evaluated(potential, structure(kind, ELEMENTS))
        assert_agrees(compiled(*given), expected)
    given, expected = evaluated(potential, structure("skewed tiny cell", ELEMENTS))
    order = torch.randperm(given.src.shape[0], generator=torch.Generator().manual_seed(3))
    edges = (given.src[order].int(), given.dst[order], given.shift[order].float())
    assert_agrees(compiled(given.positions, given.cell, given.numbers.int(), *edges), expected)
    other = given.numbers * 0 + 3
    with pytest.raises(ElementNotCoveredError, match=r"does not cover the atomic numbers \[3\]"):
        compiled(given.positions, given.cell, other, *given[3:])
    for values in program(given.positions, given.cell, other, given.src, given.dst, given.shift.long()):
        assert torch.isnan(values).all()


def test_the_program_gives_the_numbers_of_its_model_for_any_number_of_atoms_and_edges() -> None:
    assert_program_is_the_model(shallow(SMOOTH["smooth"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(HEADERS) - {"smooth"}))
def test_the_program_of_every_force_field_gives_the_numbers_of_its_model(name: str) -> None:
    assert_program_is_the_model(HEADERS[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, dtype", [("smooth", "float64"), ("smooth, moments", "float32"), ("pure, ZBL", "float64")]
)
def test_a_compiled_file_gives_the_numbers_of_its_model_and_holds_the_proof(
    name: str, dtype: Any, tmp_path: Path
) -> None:
    header = HEADERS[name]
    options = ExportOptions(stress_unit="GPa")
    path = tmp_path / "tiny.pt2"
    made = export(model_file(tmp_path / "m.pt", header), path, to="aoti", dtype=dtype, options=options)
    assert {row.network for row in made.proof.differences} == {"as written"}
    assert max(row.exceeded for row in made.proof.differences) <= 1
    compiled = read(path)
    assert compiled.about["proof"] == json.loads(json.dumps(made.proof.to_json()))
    assert (compiled.about["dtype"], compiled.about["stress_unit"]) == (dtype, "GPa")
    potential = eager(header)
    for kind in NAMES:
        given, expected = evaluated(potential, structure(kind, ELEMENTS))
        assert expected.stress is not None
        in_gpa = expected._replace(stress=160.21766208 * expected.stress)
        assert_agrees(compiled(*given), in_gpa, atol=1e-8 if dtype == "float64" else 1e-3)


def test_code_for_another_processor_torch_or_device_is_refused_in_words() -> None:
    here = machine_record("cpu")
    assert misfit(here) is None
    assert misfit({**here, "instructions": []}) is None
    assert misfit({**here, "torch_version": "2.12.0"}) == (
        f"it was made for torch 2.12.0, and here is torch {torch.__version__.partition('+')[0]}"
    )
    assert str(misfit({**here, "architecture": "vax"})).startswith("it was made for vax, and here is")
    missing = misfit({**here, "instructions": [*here["instructions"], "avx4096"]})
    assert missing == "it was made for a processor with avx4096, and this one does not have these instructions"


def write_archive(path: Path, about: dict[str, Any] | None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("top/version", "1")
        if about is not None:
            archive.writestr(f"top/extra/{ABOUT}", json.dumps(about))
    return path


def test_a_file_is_refused_before_its_code_is_loaded(tmp_path: Path) -> None:
    about = about_of(SMOOTH["smooth"])
    assert read_about(write_archive(tmp_path / "good.pt2", about)) == {**about, "proof": None}
    foreign = {**about, "machine": {**about["machine"], "torch_version": "2.12.0"}}
    with pytest.raises(CheckpointError, match=r"made for torch 2\.12\.0.*Export the model again on this machine"):
        read(write_archive(tmp_path / "foreign.pt2", foreign))
    with pytest.raises(CheckpointError, match="was not written by `alignn-ff export --to aoti`"):
        read(write_archive(tmp_path / "other.pt2", None))
    with pytest.raises(CheckpointError, match="version 99; this version reads up to"):
        read(write_archive(tmp_path / "new.pt2", {**about, "version": 99}))
    (tmp_path / "text.pt2").write_text("no model")
    with pytest.raises(CheckpointError, match="cannot be read as a compiled model"):
        read(tmp_path / "text.pt2")


def test_what_cannot_be_compiled_here_is_refused_before_anything_is_traced(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_file(tmp_path / "m.pt", SMOOTH["smooth"])
    (tmp_path / "out").mkdir()

    def refused(*words: object) -> str:
        ended = command_line("export", model, *words)
        assert ended.code == 2
        assert list((tmp_path / "out").iterdir()) == []
        return " ".join(ended.stderr.split())

    path = tmp_path / "out" / "x.pt2"
    assert "allowed are cpu, cuda" in refused("--to", "aoti", "-o", path, "--device", "tpu")
    assert "does not have it" in refused("--to", "torchscript", "-o", path, "--device", "cuda")
    assert "ends in '.so'" in refused("--to", "aoti", "-o", path.with_suffix(".so"))
    if not torch.cuda.is_available():
        assert "torch finds no GPU here" in refused("--to", "aoti", "-o", path, "--device", "cuda")
    monkeypatch.setattr(file, "find_compiler", lambda: None)
    assert "there is no C++ compiler" in refused("--to", "aoti", "-o", path)
    monkeypatch.setattr(machine, "OLDEST_TORCH", (99, 0))
    assert "needs 99.0 or newer" in refused("--to", "aoti", "-o", path)


def test_a_file_that_the_door_refuses_is_deleted_and_the_exit_code_is_1(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def foreign(potential: Potential, path: Path, options: ExportOptions) -> None:
        made_for = {**machine_record("cpu"), "architecture": "vax"}
        write_archive(path, about_of(potential.header, machine=made_for))

    monkeypatch.setitem(TARGETS, "aoti", TARGETS["aoti"]._replace(write=foreign))
    model = model_file(tmp_path / "m.pt", SMOOTH["smooth"])
    (tmp_path / "out").mkdir()
    ended = command_line("export", model, "--to", "aoti", "-o", tmp_path / "out" / "x.pt2")
    assert ended.code == 1
    assert "made for vax" in " ".join(ended.stderr.split())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_without_any_neighbours_is_refused_in_words() -> None:
    header = SMOOTH["smooth"]
    recipe = header.graph.model_copy(update={"cutoff": 0.3, "three_body_cutoff": 0.3})
    with pytest.raises(ConfigError, match="a model with a longer cutoff"):
        exported_program(eager(header.model_copy(update={"graph": recipe})), 1.0, CPU)
