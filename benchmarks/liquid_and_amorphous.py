"""Liquid and amorphous silicon: analyse two parts of a run, print the numbers of docs/analysis.md, draw its figure.

    python benchmarks/liquid_and_amorphous.py run.extxyz --liquid 20000:105000 --amorphous 126000:130000 docs/figures

The run is that of examples/melt_quench_silicon.json.
"""

import argparse
import json
from pathlib import Path

from figures import StructureCurves, structure_comparison

from alignn_ff.analysis import Analysis, AnalysisConfig, analyze
from alignn_ff.plots import save_figure

LITERATURE = {
    "liquid": ((2.45, 5.5), (5.0, 6.3)),  # Waseda et al. 1995; Higuchi et al. 2005
    "amorphous": ((), (3.88,)),  # Laaziri et al. 1999
}
BOND_A = {"liquid": 3.1, "amorphous": 2.85}


def main() -> None:
    """Analyse both, print, draw."""
    parser = argparse.ArgumentParser(description="Liquid and amorphous silicon of one run.")
    parser.add_argument("run", type=Path, help="trajectory")
    parser.add_argument("--liquid", required=True, help="its part of the run, FROM:TO in fs")
    parser.add_argument("--amorphous", required=True, help="its part of the run, FROM:TO in fs")
    parser.add_argument("folder", type=Path, help="folder of the figure")
    arguments = parser.parse_args()
    found = {name: measure(arguments.run, getattr(arguments, name), name) for name in BOND_A}
    for name, analysis in found.items():
        print(name, json.dumps(analysis.to_json(), indent=1))
    figure = structure_comparison({name: curves(name, analysis) for name, analysis in found.items()}, "Si")
    save_figure(figure, arguments.folder / "liquid-and-amorphous-silicon.png")


def measure(path: Path, stretch: str, name: str) -> Analysis:
    """All observables except the vibrations, which need more frames than these runs have."""
    observables = ("thermo", "rdf", "coordination", "angles", "msd")
    start, end = (float(time) for time in stretch.split(":"))
    config = AnalysisConfig(observables=observables, from_fs=start, to_fs=end, bond_A=BOND_A[name], n_blocks=3)
    return analyze(path, config=config)


def curves(name: str, analysis: Analysis) -> StructureCurves:
    """Curves of one run in the figure."""
    tables = [analysis.results[kind].tables[kind] for kind in ("rdf", "angles", "coordination")]
    return StructureCurves(*tables, *LITERATURE[name])


if __name__ == "__main__":
    main()
