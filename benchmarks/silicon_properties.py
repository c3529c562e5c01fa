"""Properties of a silicon model, written as the page docs/silicon-properties.md with tables and figures.

    python benchmarks/silicon_properties.py --output silicon                 # hours; the same line again resumes
    python benchmarks/silicon_properties.py --output quick --quick           # minutes, small settings, not for the page
    python benchmarks/silicon_properties.py --output silicon --page docs/silicon-properties.md

Each property is a run of ``alignn_ff.properties`` in the folder: its JSON file, tables, figures, and a restart file
while it lasts. Without ``--page`` the page is written into the folder. A property that fails is told on the page.
"""

import argparse
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from ase.build import bulk

from alignn_ff import AlignnCalculator
from alignn_ff.errors import AlignnError
from alignn_ff.labels import label_of, shown
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import PROPERTIES
from alignn_ff.properties.files import restart_file, result_file, write_result
from alignn_ff.properties.run import PropertyRun, compute

Content = dict[str, Any]
Row = tuple[str, str, str]
"""What, the model's number, the number to compare it with."""

SOURCES: Final = {
    "mlearn": "DFT: PBE, contained in the training data (mlearn; Y. Zuo et al., J. Phys. Chem. A 124, 731, 2020)",
    "pace": "DFT: Table 1 of Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021)",
    "phono3py": "DFT: PBEsol, fitted to forces of 200 displaced supercells from the data of phono3py and pypolymlp",
    "morris": "experiment, 303 K: R. G. Morris, J. G. Hust, Phys. Rev. 124, 1426 (1961)",
    "dorner": "F. Dorner et al., Phys. Rev. Lett. 121, 195701 (2018): measured, and 200 K lower by DFT with gradients",
    "virginia": "experiment, room temperature: Virginia Semiconductor, Basic Mechanical and Thermal Properties of Si",
}


class Step(NamedTuple):
    """One property on the page.

    Attributes:
        title: heading.
        name: of the property.
        config: settings.
        quick: smaller settings.
        rows: JSON content → rows of the table.
        figure: end of the name of the figure that is shown.
        dtype: of the network.
    """

    title: str
    name: str
    config: Content
    quick: Content
    rows: Callable[[Content], list[Row]]
    figure: str
    dtype: Literal["float32", "float64"] = "float64"


def number(content: Content, name: str, digits: int = 2, scale: float = 1.0) -> str:
    value = content["summary"].get(name, content["checks"].get(name))
    return "–" if value is None else f"{scale * value:.{digits}f}"


def equation_of_state(content: Content) -> list[Row]:
    edge = (8.0 * content["summary"]["volume_A3_per_atom"]) ** (1.0 / 3.0)
    return [
        ("lattice constant, Å", f"{edge:.3f}", "5.469 [mlearn]; 5.431 [virginia]"),
        ("bulk modulus at the minimum, GPa", number(content, "bulk_modulus_at_minimum_GPa", 1), "82 [pace]"),
        ("its derivative", number(content, "bulk_modulus_derivative"), ""),
    ]


def elastic(content: Content) -> list[Row]:
    table = content["tables"]["stiffness"]

    def element(kind: str, row: str, column: str) -> str:
        return f"{table[f'{kind}_{column}_GPa'][table['row'].index(row)]:.1f}"

    return [
        ("C₁₁, GPa", element("relaxed", "xx", "xx"), "153 [mlearn]; 147 [pace]; 165.6 [virginia]"),
        ("C₁₂, GPa", element("relaxed", "xx", "yy"), "56 [mlearn]; 50 [pace]; 63.9 [virginia]"),
        ("C₄₄ relaxed, GPa", element("relaxed", "yz", "yz"), "73 [pace]; 79.5 [virginia]"),
        ("C₄₄ clamped, GPa", element("clamped", "yz", "yz"), "99 [mlearn]"),
    ]


def phonon(content: Content) -> list[Row]:
    dft = {"X": "3.96, 12.14, 13.73", "L": "3.09, 11.09, 12.25, 14.57", "Γ": "15.30"}
    bands = content["tables"]["bands"]
    modes = [name for name in bands if name.startswith("mode_")]
    rows = []
    for point, expected in dft.items():
        found = next((k for k, name in enumerate(bands["segment"]) if name.split("–")[0] == point), None)
        if found is not None:
            values = sorted({f"{bands[name][found]:.2f}" for name in modes if bands[name][found] > 0.1}, key=float)
            rows.append((f"{point}, THz", ", ".join(values), f"{expected} [phono3py]"))
    heat = next(name for name in content["summary"] if name.startswith("heat_capacity"))
    return [*rows, ("C_V at 300 K, J/K/mol", number(content, heat), "")]


def vacancy(content: Content) -> list[Row]:
    table = content["tables"]["defects"]
    rows = [
        (f"formation energy in {n:.0f} sites: unrelaxed, relaxed, eV", f"{unrelaxed:.3f}, {relaxed:.3f}", "3.67 [pace]")
        for n, unrelaxed, relaxed in zip(table["n_atoms"], table["unrelaxed_eV"], table["relaxed_eV"], strict=True)
    ]
    return rows + [(label_of(name), f"{value:.3f}", "") for name, value in numbers(content) if "dilute" in name]


def surface(content: Content) -> list[Row]:
    dft = {"(1 1 1) a": "1.56 [pace]", "(1 0 0)": "2.17 [pace]", "(1 1 0)": "1.52 [pace]"}
    return [
        (
            label_of(name),
            f"{value:.3f}",
            dft.get(name.removesuffix("_J_per_m2"), ""),
        )
        for name, value in numbers(content)
        if name.endswith("_J_per_m2")
    ]


def expansion(content: Content) -> list[Row]:
    linear = next(name for name in content["summary"] if name.startswith("linear_expansion"))
    check = next(iter(content["checks"].values()))
    return [
        ("linear expansion at 300 K, 10⁻⁶/K", number(content, linear, 2, 1e6), "2.59 [virginia]"),
        ("the same from mode Grüneisen parameters", f"{1e6 * check / 3.0:.2f}", ""),
    ]


def conductivity(content: Content) -> list[Row]:
    summary, checks = content["summary"], content["checks"]
    fine = next(name for name in summary if name.startswith("conductivity_at"))
    coarse = next(name for name in checks if name.startswith("conductivity_on"))
    mesh = " × ".join(coarse.removeprefix("conductivity_on_").split("_")[:3])
    return [
        (f"at 300 K, mesh {summary['mesh']}, W/m/K", number(content, fine, 1), "125 ± 19 [morris]"),
        (f"at 300 K, mesh {mesh}, W/m/K", number(content, coarse, 1), ""),
    ]


def plain(content: Content) -> list[Row]:
    return [(label_of(name), shown(value), "") for name, value in numbers(content)]


def melting(content: Content) -> list[Row]:
    name = "melting_temperature_K"
    found = number(content, name, 0) if content["summary"][name] is not None else "none: one phase is gone"
    rest = [(label_of(key), shown(value), "") for key, value in numbers(content) if key != name]
    return [(f"{label_of(name)} (float32)", found, "1687, DFT about 1490 [dorner]"), *rest]


def numbers(content: Content) -> list[tuple[str, float]]:
    return [(name, value) for name, value in content["summary"].items() if isinstance(value, int | float)]


COARSE: Final = {"mesh_length_A": 20.0, "supercell": (2, 2, 2)}
STEPS: Final = (
    Step("Equation of state", "eos", {}, {"points": 7}, equation_of_state, "eos"),
    Step("Elastic constants", "elastic", {}, {}, elastic, "stress"),
    Step("Phonons", "phonon", {"min_width_A": 21.0, "gruneisen": True}, COARSE, phonon, "bands"),
    Step("Thermal expansion", "qha", {"min_width_A": 21.0}, {**COARSE, "points": 5}, expansion, "expansion"),
    Step("Thermodynamic table", "thermo", {"min_width_A": 21.0}, COARSE, plain, "thermo"),
    Step(
        "Vacancy",
        "vacancy",
        {"sizes": (2, 3, 4)},
        {"sizes": (), "min_width_A": 9.0, "starts": ("unrattled",)},
        vacancy,
        "defects",
    ),
    Step(
        "Surfaces",
        "surface",
        {},
        {"miller": "1,1,1", "thickness_A": 6.0, "slab_fmax_eV_per_A": 0.05},
        surface,
        "energies",
    ),
    Step(
        "Thermal conductivity",
        "kappa",
        {"min_width_A": 16.0, "meshes_A": (60.0, 70.0), "max_temperature_K": 1000.0},
        {"meshes_A": (10.0, 12.0), "supercell": (2, 2, 2), "third_order_width_A": 7.0, "max_temperature_K": 300.0},
        conductivity,
        "kappa",
    ),
    Step(
        "Melting temperature",
        "melting",
        {"temperature_K": 1200.0, "coexistence_ps": 30.0, "outside": "warn"},
        {
            "temperature_K": 1500.0,
            "outside": "warn",
            "min_width_A": 5.0,
            "length_ratio": 2.0,
            "crystal_ps": 0.02,
            "timestep_fs": 1.0,
            "hot_ps": 1.0,
            "hot_ratio": 3.0,
            "joining_ps": 0.02,
            "coexistence_ps": 0.1,
        },
        melting,
        "melting",
        "float32",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Properties of a silicon model, as a page with tables and figures.")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--model", default="si")
    parser.add_argument("--page", type=Path, help="the page; its figures go to figures/ beside it")
    parser.add_argument("--quick", action="store_true", help="small settings, to try the command")
    parser.add_argument("--only", help="names of properties, such as eos,elastic")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    chosen = [step for step in STEPS if arguments.only is None or step.name in arguments.only.split(",")]
    failures: dict[str, str] = {}
    for step in chosen:
        try:
            run(step, arguments.output, arguments.model, quick=arguments.quick)
        except AlignnError as error:
            failures[step.name] = str(error)
        print(f"{step.name}: {failures.get(step.name, 'done')}", flush=True)
    page = arguments.page or arguments.output / "silicon-properties.md"
    page.write_text(text_of(chosen, failures, arguments.output, page, arguments.model, quick=arguments.quick))
    print(page)


def run(step: Step, folder: Path, model: str, *, quick: bool) -> None:
    """Compute a property, finish it from its restart file, or leave it where its result is there."""
    prefix = folder / f"silicon-{step.name}"
    if result_file(prefix).exists():
        return
    config = PROPERTIES[step.name].config().model_validate({**step.config, **(step.quick if quick else {})})
    job = PropertyRun(step.name, (bulk("Si", a=5.469),), config, prefix, {"model": model})
    calculator = AlignnCalculator(model, dtype=step.dtype)
    result = compute(job, calculator, resume=restart_file(prefix).exists())
    write_result(prefix, result)
    save_property_figures(result, prefix)
    restart_file(prefix).unlink(missing_ok=True)


def text_of(steps: list[Step], failures: dict[str, str], folder: Path, page: Path, model: str, *, quick: bool) -> str:
    """The page: a section for each property that has a result or a failure."""
    left_out = [step for step in STEPS if step not in steps]
    only = f" --only {','.join(step.name for step in steps)}" if left_out else ""
    command = f"python benchmarks/silicon_properties.py --output FOLDER --page docs/silicon-properties.md{only}"
    lines = [
        "# Properties of the silicon model",
        "",
        f"All numbers of this page are of the model `{model}` (float64) and were written by `{command}`.",
        "Sources of the numbers beside them: " + "; ".join(f"[{key}] {text}" for key, text in SOURCES.items()) + ".",
    ]
    if quick:
        lines += ["", "**Made with `--quick`: the settings are too small, do not use the numbers.**"]
    for step in steps:
        lines += ["", f"## {step.title}", ""]
        file = result_file(folder / f"silicon-{step.name}")
        if step.name in failures or not file.exists():
            lines.append(f"`alignn-ff {step.name}` could not be computed: {failures.get(step.name, 'no result')}")
            continue
        content = json.loads(file.read_text())
        lines += ["| | model | to compare with |", "|---|---:|---:|"]
        lines += [f"| {what} | {value} | {expected} |" for what, value, expected in step.rows(content)]
        lines += ["", *(f"- {remark['sentence']}" for remark in content["remarks"])]
        lines += figure_lines(folder / f"silicon-{step.name}-{step.figure}.png", page, step.title)
    if left_out:
        lines += [
            "",
            f"Not on this page, but offered by the script: {', '.join(step.title.lower() for step in left_out)}.",
        ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def figure_lines(figure: Path, page: Path, title: str) -> list[str]:
    """The lines that show a figure, which is copied beside the page."""
    if not figure.exists():
        return []
    target = page.parent / "figures" / figure.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.resolve() != figure.resolve():
        shutil.copyfile(figure, target)
    return ["", f"![{title} of silicon]({os.path.relpath(target, page.parent)})"]


if __name__ == "__main__":
    main()
