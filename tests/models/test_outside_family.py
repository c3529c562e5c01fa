"""A family from outside the package: one config, one model, one row; then it can be used by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from alignn_ff import AlignnCalculator, load_potential
from alignn_ff.errors import ConfigError
from alignn_ff.graph import AtomicGraph, GraphRecipe
from alignn_ff.models import (
    FAMILIES,
    ElementTable,
    EnergyModel,
    Family,
    ForceFieldConfig,
    ModelConfig,
    ModelStatistics,
    Outputs,
    validate_model_config,
)
from alignn_ff.nn import bessel_basis, polynomial_envelope, scatter_sum
from alignn_ff.potential import Potential
from alignn_ff.testing import PhysicsContract, broken_laws
from alignn_ff.train import train, validate_config
from alignn_ff.train.config.reference import json_schema
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.tiny_models import published_header, tiny_potential
from tests.support.training_runs import Silent

NAME = "toy_pairs"


class ToyConfig(ForceFieldConfig):
    """Hyper-parameters of :class:`ToyPairs`."""

    name: Literal["toy_pairs"] = Field("toy_pairs", description="family of the model")
    width: int = Field(8, ge=1, description="channels")

    @property
    def outputs(self) -> Outputs:
        return Outputs(kind="energy", weights=self.energy_weights, asks_for_forces=True, reads_angles=False)


class ToyPairs(EnergyModel):
    """Energy per atom = reference + scale·Σ over neighbours of envelope·MLP(length)."""

    ELEMENT_ROWS = ("table.embedding.weight",)

    def __init__(
        self, config: ToyConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
    ) -> None:
        super().__init__()
        self.config, self.recipe, self.elements = config, recipe, elements
        self.table = ElementTable(elements, config.width, statistics)
        self.pair = nn.Sequential(nn.Linear(config.width, config.width), nn.SiLU(), nn.Linear(config.width, 1))
        self.register_buffer("scale", torch.tensor(statistics.scale, dtype=torch.float64))

    def forward(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        rows = self.table.rows(graph.atomic_numbers)
        embedding = self.table.embedding(rows)
        distance = torch.linalg.vector_norm(edge_vectors, dim=1)
        both = embedding[graph.edge_src] * embedding[graph.edge_dst]
        radial = bessel_basis(distance.to(both.dtype), self.recipe.cutoff, self.config.width)
        each = self.pair(radial * both).squeeze(1).double() * polynomial_envelope(distance, self.recipe.cutoff, 6)
        pairs = scatter_sum(each, graph.edge_dst, rows.shape[0])
        return self.table.reference[rows] + self.scale * pairs


@pytest.fixture(autouse=True)
def _toy_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, NAME, Family(ToyConfig, ToyPairs, smooth=True, kinds=("energy",)))


class TestToyFamily(PhysicsContract):
    """Every law of a smooth family."""

    @pytest.fixture
    def potential(self) -> Potential:
        return tiny_potential(published_header(ToyConfig(), GraphRecipe(cutoff=4.5, three_body_cutoff=3.2)))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    config = validate_config(
        {
            "model": {"name": NAME, "width": 4},
            "cutoff": 4.0,
            "epochs": 2,
            "batch_size": 4,
            "dtype": "float64",
            "progress": False,
            "output_dir": str(tmp_path / "run"),
        }
    )
    result = train(config, observer=Silent(), data=write_frames(tmp_path / "cu.extxyz", copper_frames(12)))
    assert result is not None
    assert result.best_epoch in (1, 2)
    return result.folder


def test_it_is_trained_saved_and_loaded_by_name(run: Path) -> None:
    potential = load_potential(run, device="cpu", dtype="float64")
    assert isinstance(potential.model, ToyPairs)
    assert potential.header.model == ToyConfig(width=4)
    assert potential.backend == "eager"
    atoms = copper_frames(1)[0]
    expected = potential.predict_tensors([atoms])[0]
    atoms.calc = AlignnCalculator(run, device="cpu", dtype="float64")
    assert atoms.get_potential_energy() == pytest.approx(float(expected.energy), abs=1e-12)
    assert atoms.get_forces() == pytest.approx(expected.forces.numpy(), abs=1e-12)
    assert abs(atoms.get_forces()).max() > 1e-3


def test_a_run_can_start_from_it(run: Path, tmp_path: Path) -> None:
    config = validate_config(
        {
            **load_potential(run, device="cpu").header.provenance.training_config,
            "start_from": str(run),
            "output_dir": str(tmp_path / "tuned"),
        }
    )
    result = train(config, observer=Silent(), data=tmp_path / "cu.extxyz", device="cpu")
    assert result is not None
    assert load_potential(result.folder).header.provenance.started_from["model"] == str(run)


def test_its_fields_are_checked_and_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown field 'model.widht'; did you mean 'width'"):
        validate_config({"model": {"name": NAME, "widht": 3}})
    with pytest.raises(ConfigError, match=r"model.width: Input should be greater than or equal to 1"):
        validate_config({"model": {"name": NAME, "width": 0}})
    with pytest.raises(
        ConfigError, match=r"no family 'toy_pears'; allowed are alignn_smooth, .*did you mean 'toy_pairs'\?"
    ):
        validate_config({"model": {"name": "toy_pears"}})
    assert ToyConfig.__name__ in json_schema()["$defs"]


def test_a_config_goes_through_json_and_dictionaries() -> None:
    config = validate_config({"model": {"name": NAME, "width": 5}})
    assert isinstance(config.model, ToyConfig)
    assert validate_config(config.model_dump(mode="json")) == config
    assert type(config).model_validate_json(config.model_dump_json()) == config
    assert validate_model_config(config.model) is config.model


def test_without_the_row_the_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FAMILIES, NAME)
    with pytest.raises(ConfigError, match="no family 'toy_pairs'"):
        validate_config({"model": {"name": NAME}})
    with pytest.raises(ValidationError, match="extra"):
        validate_model_config({"name": "alignn", "extra": 1})
    assert ToyConfig.__name__ not in json_schema()["$defs"]


def test_a_config_must_declare_its_outputs() -> None:
    class Nothing(ModelConfig):
        name: Literal["nothing"] = "nothing"

    with pytest.raises(TypeError, match="abstract"):
        Nothing()


def test_the_example_in_the_docs_keeps_the_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "families.md").read_text(encoding="utf-8")
    code = page.split("```python")[1].split("```")[0]
    monkeypatch.setitem(FAMILIES, "pairs", FAMILIES[NAME])  # so that the row of the example goes away with this test
    exec(compile(code, "families.md", "exec"), {"__name__": "families"})
    config = FAMILIES["pairs"].config()
    potential = tiny_potential(published_header(config, GraphRecipe(cutoff=4.5, three_body_cutoff=3.2)))
    assert potential.header.model.name == "pairs"
    assert broken_laws(PhysicsContract(), potential) == []
