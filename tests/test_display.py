"""What objects show of themselves: one line in a terminal, one element of HTML in a notebook."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff import AlignnCalculator
from alignn_ff.analysis.result import ObservableResult
from alignn_ff.check import Report, Row
from alignn_ff.display import LONGEST_LINE, Displayed, Sheet, as_html
from alignn_ff.domain import Finding
from alignn_ff.md import MDConfig, run_md
from alignn_ff.prediction import Prediction
from alignn_ff.predictor import load_predictor
from alignn_ff.properties import PROPERTIES, Work
from alignn_ff.properties.equation_of_state import EOSConfig
from alignn_ff.properties.result import PropertyResult
from alignn_ff.relax import RelaxConfig, relax
from alignn_ff.runs import single_point
from alignn_ff.runs.domain_report import domain_report
from alignn_ff.runs.model_record import ModelRecord
from alignn_ff.testing import Figure
from alignn_ff.train import TrainingResult
from alignn_ff.zoo import cards
from tests.support.committees import tiny_committee
from tests.support.recorded import FOLDERS, recorded
from tests.support.tiny_models import tiny_potential

EVIL = '<script>alert("1")</script>'
OPEN = {"br", "img", "meta", "hr"}


class Page(HTMLParser):
    """Tags of a page; every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self._inside: list[str] = []
        self.feed(text)
        self.close()
        assert self._inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in OPEN:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def assert_shows(one: Displayed) -> Page:
    """The line is short, and the element needs no network and no script."""
    for line in (repr(one), str(one)):
        assert line.startswith(f"<{type(one).__name__} ")
        assert line.endswith(">")
        assert "\n" not in line
        assert len(line) <= LONGEST_LINE
    text = one._repr_html_()
    page = Page(text)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(r"https?://|@import|url\(|<script", text.split("base64,")[0])
    assert "script" not in page.tags
    assert type(one).__name__ in page.words
    return page


def relaxed() -> Displayed:
    atoms = bulk("Cu", a=3.7)
    return relax(atoms, EMT(), config=RelaxConfig(relax_cell="free"))


def checked() -> Report:
    worst = Figure("gap", 3.0, 1.0, "eV")
    row = Row("law", f"a title {EVIL}", "what", "law", "failed", worst, EVIL, 1, 0, (worst,), (), "", 0.1, ())
    return Report(ModelRecord(EVIL), "quick", False, (row,), 0.2, {})


def dynamics() -> Displayed:
    atoms = bulk("Cu", cubic=True)
    config = MDConfig(ensemble="nve", steps=4, temperature_K=300.0)
    return run_md(atoms, EMT(), config=config)


def eos() -> PropertyResult:
    return PROPERTIES["eos"].run([bulk("Cu", a=3.65)], EOSConfig(points=7), Work(EMT()))


def property_prediction() -> Prediction:
    model = load_predictor(FOLDERS / "classification", device="cpu")
    return model.predict([recorded("classification")["MoS2_slab"].atoms])[0]


POTENTIAL = tiny_potential()
CRYSTAL = bulk("Si") * (3, 3, 2)
HISTORY = [{"epoch": k, "train_total_loss": 1.0 / k, "val_loss": 1.0 / k, "seconds": 1.0} for k in (1, 2)]
METRICS = {part: {"all": {"energy_MAE_meV_per_atom": 1.5}} for part in ("train", "val")}
TABLE = {"rdf": {"r_A": np.linspace(0, 1, 3), "g": np.ones(3)}}
OBJECTS = {
    "potential": lambda: POTENTIAL,
    "committee": lambda: tiny_committee(),
    "property model": lambda: load_predictor(FOLDERS / "classification", device="cpu"),
    "prediction": lambda: POTENTIAL.predict([CRYSTAL])[0],
    "prediction of a committee": lambda: tiny_committee().predict([CRYSTAL])[0],
    "prediction of a property model": lambda: property_prediction(),
    "card": lambda: cards()[0],
    "card of many elements": lambda: cards()[-1],
    "relaxation": lambda: relaxed(),
    "dynamics": lambda: dynamics(),
    "check": lambda: checked(),
    "equation of state": lambda: eos(),
    "calculator": lambda: AlignnCalculator(POTENTIAL),
    "calculator of any elements": lambda: AlignnCalculator("auto"),
    "single point": lambda: single_point(CRYSTAL, AlignnCalculator(POTENTIAL, outside="ignore")),
    "observable": lambda: ObservableResult({"mean_distance_A": 2.35}, TABLE),
    "training": lambda: TrainingResult(Path("run"), Path("run/model.pt"), 1, HISTORY, METRICS, {}),
    "domain": lambda: domain_report(CRYSTAL, POTENTIAL),
}


@pytest.fixture(params=OBJECTS)
def shown(request: pytest.FixtureRequest) -> Iterator[Displayed]:
    return OBJECTS[request.param]()


def test_every_object_has_a_line_and_an_element_of_html(shown: Displayed) -> None:
    assert_shows(shown)


@pytest.mark.parametrize("make", [relaxed, eos, checked], ids=["relaxation", "equation of state", "check"])
def test_results_with_figures_show_them(make) -> None:  # type: ignore[no-untyped-def]
    page = assert_shows(make())
    assert page.addresses
    assert all(len(address) > 5_000 for address in page.addresses)


def test_numbers_come_with_their_units() -> None:
    result = eos()
    page = assert_shows(result)
    assert "bulk modulus, GPa" in page.words
    assert f"{result.summary['bulk_modulus_GPa']:.3f}" in page.words
    words = assert_shows(POTENTIAL.predict([CRYSTAL])[0]).words
    assert "energy, eV" in words
    assert "force x, eV/Å" in words
    assert "and 16 more rows" in words  # of 36 atoms


@pytest.mark.parametrize("text", [EVIL, "a & b < c", "line\nbreak " * 40])
def test_what_is_shown_is_escaped_and_cut(text: str) -> None:
    class Named(Displayed):
        def brief(self) -> str:
            return text

        def sheet(self) -> Sheet:
            return Sheet({text: text}, {text: {text: [text]}}, [text], lambda: {text: b"png"})

    page = assert_shows(Named())
    assert text.split()[0] in page.words
    assert page.tags.count("img") == 1


def test_names_in_results_are_escaped() -> None:
    model = tiny_potential()
    model.name = EVIL
    finding = Finding("distance", EVIL, stops=True, excess=2.0)
    for one in (model, Prediction(energy=1.0, outside=(finding,)), checked()):
        assert EVIL in assert_shows(one).words


def test_html_takes_its_colours_from_the_page() -> None:
    style = re.search("<style>(.*?)</style>", as_html("title", Sheet({})), flags=re.DOTALL)
    assert style is not None
    assert re.findall(r"[^-]color: *([^;}]+)", style[1]) == ["inherit"]
    selectors = [rule.split("{")[0].strip() for rule in style[1].split("}")]
    assert all(selector.startswith(".alignn-ff") for selector in selectors if selector)


def test_a_dataclass_keeps_the_line_of_its_base() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Result(Displayed):
        numbers: np.ndarray

        def brief(self) -> str:
            return "many numbers"

        def sheet(self) -> Sheet:
            return Sheet({})

    assert repr(Result(np.zeros(1000))) == "<Result many numbers>"


def test_looking_at_a_model_loads_no_plotting_and_prints_nothing(si_model_file: Path) -> None:
    code = f"""
import sys
from ase.build import bulk
from alignn_ff import load_potential
potential = load_potential({str(si_model_file)!r}, device="cpu", backend="eager")
potential._repr_html_(), potential.predict([bulk("Si")])[0]._repr_html_()
assert "matplotlib" not in sys.modules
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout == ""
