"""Liquid and amorphous silicon: analyse two stretches of runs, print the numbers of docs/analysis.md, draw its figure.

    python benchmarks/liquid_and_amorphous.py LIQUID.extxyz FROM_FS AMORPHOUS.extxyz FROM_FS docs/figures

The runs are those of examples/melt_quench_silicon.json (or faster quenches; docs/analysis.md says which).
"""

import json
import sys
from pathlib import Path

from alignn_ff.md.analysis import Analysis, AnalysisConfig, analyze
from alignn_ff.plots import StructureCurves, save_figure, structure_comparison

LITERATURE = {
    "liquid": ((2.45, 5.5), (5.0, 6.3)),  # Waseda et al. 1995; Higuchi et al. 2005
    "amorphous": ((), (3.88,)),  # Laaziri et al. 1999
}
BOND_A = {"liquid": 3.1, "amorphous": 2.85}


def main() -> None:
    """Analyse both, print, draw."""
    liquid, liquid_from, amorphous, amorphous_from, folder = sys.argv[1:]
    runs = {
        "liquid": measure(Path(liquid), float(liquid_from), "liquid"),
        "amorphous": measure(Path(amorphous), float(amorphous_from), "amorphous"),
    }
    for name, analysis in runs.items():
        print(name, json.dumps(analysis.to_json(), indent=1))
    figure = structure_comparison({name: curves(name, analysis) for name, analysis in runs.items()}, "Si")
    save_figure(figure, Path(folder) / "liquid-and-amorphous-silicon.png")


def measure(path: Path, from_fs: float, name: str) -> Analysis:
    """All observables but the vibrations, which these runs write too few frames for."""
    observables = ("thermo", "rdf", "coordination", "angles", "msd")
    config = AnalysisConfig(observables=observables, from_fs=from_fs, bond_A=BOND_A[name], n_blocks=3)
    return analyze(path, config=config)


def curves(name: str, analysis: Analysis) -> StructureCurves:
    """What the figure shows of one run."""
    tables = [analysis.findings[kind].tables[kind] for kind in ("rdf", "angles", "coordination")]
    return StructureCurves(*tables, *LITERATURE[name])


if __name__ == "__main__":
    main()
