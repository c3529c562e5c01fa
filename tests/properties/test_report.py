"""Reports: several properties in one run and on one page."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import PROPERTIES, PropertyResult, Work, compute
from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.crystal_report import ReportConfig, ReportResult
from alignn_ff.properties.property import Property
from tests.support.silicon import silicon


class Page(HTMLParser):
    """Sections and images of a page, and what it loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.images, self.foreign = 0, []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count."""
        found = dict(attrs)
        if tag == "h2":
            self.sections.append(str(found["id"]))
        if tag == "img":
            self.images += 1
        source = str(found.get("src") or found.get("href") or "data:")
        if not source.startswith("data:"):
            self.foreign.append(source)


def test_a_report_has_a_section_and_figures_for_each_part_and_loads_nothing(tmp_path: Path) -> None:
    result = compute("report", silicon(), config={"parts": ("eos", "elastic")})
    assert isinstance(result, ReportResult)
    (path,) = save_property_figures(result, tmp_path / "si")
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.sections == ["eos", "elastic"]
    assert page.images == 2
    assert not page.foreign
    assert result.parts["elastic"].summary["C11_GPa"] == pytest.approx(151.42, abs=0.05)
    assert "elastic-stiffness" in result.tables
    assert result.to_json()["parts"]["eos"]["summary"]  # type: ignore[index]


def _broken(_atoms: Atoms, _config: PropertyConfig, _work: Work) -> PropertyResult:
    raise StructureError("this part cannot be computed here")


def test_a_part_that_fails_is_told_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Property("Always fails.", config=lambda: PropertyConfig, compute=lambda: _broken)
    monkeypatch.setitem(PROPERTIES, "broken", row)
    atoms = bulk("Cu", a=3.6)
    atoms.calc = EMT()
    result = compute("report", atoms, config={"parts": ("broken", "eos")})
    assert isinstance(result, ReportResult)
    assert result.failures == {"broken": "this part cannot be computed here"}
    assert list(result.parts) == ["eos"]
    assert result.remarks[0].code == "part_failed"
    (path,) = save_property_figures(result, tmp_path / "cu")
    assert "broken could not be computed: this part" in path.read_text(encoding="utf-8")


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(ConfigError, match="parts has eso; allowed are phonon"):
        ReportConfig(parts=("eso",))
