"""Write the pages that follow from the schema and its tests: ``python docs/make_reference.py``.

config.md (every field), config.schema.json (for editors), config-tests.md (field → test that shows its effect),
choices.md (every row of the tables of simulations), cli.md (every command), api/ (every public name of Python),
models.md (every shipped model, from its card).
"""

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignn_ff.analysis import OBSERVABLES
from alignn_ff.cli.reference import markdown_reference as commands_reference
from alignn_ff.domain import CHECKS, OUTSIDE
from alignn_ff.md import ENSEMBLES, GUARDS
from alignn_ff.properties.table import FUNCTIONS, PROPERTIES
from alignn_ff.relax import CELL_MODES, OPTIMIZERS
from alignn_ff.testing import LAWS
from alignn_ff.train.config.reference import json_schema, markdown_reference
from alignn_ff.trajectory import FORMATS, QUANTITIES
from alignn_ff.zoo import shipped_cards
from alignn_ff.zoo.pages import model_section, models_table
from tests.support.field_coverage import coverage_table

DOCS = Path(__file__).parent

CONFIG_HEAD = """# Training config

Made from the schema by `python docs/make_reference.py`; `alignn-ff config reference` prints the same. A config is one
JSON object, closed: an unknown field is an error that names the nearest known one. Names, defaults and units are those
of the published reference; fields marked (ours) are additions, (published code) those that the published package takes
but does not list. A test shows the effect of each field: [config-tests.md](config-tests.md).

```bash
alignn-ff config validate config.json     # all problems at once, and effects that may be unexpected
alignn-ff config show config.json         # with all defaults filled in
alignn-ff config reference cutoff         # one field
alignn-ff config schema > schema.json     # JSON Schema for an editor; the same as config.schema.json
alignn-ff train config.json --set epochs=10 --set model.hidden_features=32
```

Warned of before the first epoch, or refused:

| what | how |
|---|---|
| `model.atom_input_features` unlike `atom_features` | refused; where it is left out, it follows |
| `gradwise_weight` 0 | warning: forces are off |
| `three_body_cutoff` above `cutoff` | refused |
| ratios above 1, more records asked for than there are | refused, with how many there are |
| `lg_on_fly` false for a force field, `batch_stress` false | warning, with the effect |
| `use_penalty` on data with bonds below `penalty_threshold` | warning: the shortest bond and its elements |
| a weight on labels that no record has | refused |
| fields that a family accepts and does not use | warning |

"""

TESTS_HEAD = """# Which test shows what a field does

Made from the marker `config_field` of the tests by `python docs/make_reference.py`. In each of these tests, changing
the field changes what is asserted. `tests/train/test_config_fields.py` fails when a field has none.

"""


MODELS_HEAD = """# Models

Made from the cards of the shipped models (`models_zoo/*/card.toml`) by `python docs/make_reference.py`; `alignn-ff
zoo show NAME` prints a card. Errors are mean absolute errors on structures that were held out, averaged over the
kinds of data that no other model labelled, with the number of structures as weight; the sections below have each kind.
Those of `universal` hold compressed and hot crystals.

```bash
alignn-ff zoo recommend structure.vasp     # which models cover it, the best first, with reasons
alignn-ff relax structure.vasp             # --model auto, the default, takes the first that ships, and prints why
```

`zoo recommend` puts models first that cover all elements, then those that have seen all pairs of these elements
together, then those made for at most 12 elements, since errors of models of more are on other data; then those
with the smallest force error (or energy error) on the kind of held-out
data that is most like the structure: the same elements, then the same shape (bulk, slab, chain, molecule), then the
nearest volume per atom.
In Python `load_potential("auto", for_atoms=atoms)` chooses alike, and `alignn_ff.zoo.recommend(atoms.numbers,
[atoms])` gives the list.

"""

MODELS_CALIBRATION = """## How sure are they

Root mean squares of held-out errors against those of the standard deviations by the last layer, in groups of equal
size in the order of their deviations (`python docs/draw_models.py`). On the line, the deviations are right; a slope
means that larger deviations have larger errors. [Uncertainty](uncertainty.md) says how they are measured.

![errors against standard deviations of the shipped models](figures/models-calibration.png)

"""

MODELS_FOOT = """## Adding a model

One command reads a training output, checks the model, computes its errors on held-out structures and writes its
folder: model file, card, training config and `check.json`.

```bash
alignn-ff zoo add OUTPUT --name NAME --card card.toml --held-out held_out.extxyz                     # to your own zoo
alignn-ff zoo add OUTPUT --name NAME --card card.toml --held-out held_out.extxyz --zoo models_zoo    # to the package
python docs/make_reference.py                                                                        # this page
```

The models that ship leave a tenth of their data out of training (`universal` one formula in twenty), and their errors
are on that part. For a model that is trained on all data, train the same config with each fold held out: `--held-out
data.extxyz --fold FOLD0 --fold FOLD1 …` lets the model of each fold predict the part that it has validated on.

`card.toml` holds what no file tells: `summary`, `data`, `data_licence`, `data_reference`, `level_of_theory`,
`dispersion`, `licence`, `doi`, `teacher_kinds` (kinds of held-out data that a model labelled), `speed_us_per_atom` with
`speed_on`, the advice `good_for` and `not_for` (lists of sentences), and the property table, a `[[properties]]`
per row with `name`, `unit`, `value` and, where there is one, `reference` with its `source`. Everything else follows
from the model and the held-out structures, one row of errors per `config_type`. `--overwrite` replaces a model.

The wheel stays below 15 MB; a test adds up the files. A model that does not fit gets a `url` in `card.toml`: after
`zoo add`, upload its `model.pt` to that address and leave the file out of the commit. `alignn-ff zoo fetch NAME` then
downloads it once, compares it with the SHA-256 of the card, and `--model NAME` finds it, also without a network.
`auto` never downloads.
"""

CHOICES_HEAD = """# Words that simulations accept

Made from the tables by `python docs/make_reference.py`; the help of each command prints the same. A program may add
rows: [extending.md](extending.md).
"""

CHOICES = {
    "Ensembles: `alignn-ff md --ensemble`": ENSEMBLES,
    "Guards of dynamics: `--guard`": GUARDS,
    "Outside of the training data: `--outside`": OUTSIDE,
    "Checks against the training data": CHECKS,
    "Trajectory formats: `--format`": FORMATS,
    "Quantities of frames: `--quantities`": QUANTITIES,
    "Optimisers: `alignn-ff relax --optimizer`": OPTIMIZERS,
    "Cell modes: `--cell`": CELL_MODES,
    "Observables: `alignn-ff analyze --only`": OBSERVABLES,
    "Laws: `alignn-ff check --only`": LAWS,
}
"""Heading → table."""


def choices() -> str:
    """A table per heading: each word, and what it means."""
    parts = [CHOICES_HEAD]
    for heading, table in CHOICES.items():
        rows = [f"| `{name}` | {row.help} |" for name, row in table.items()]
        parts.append("\n".join([f"\n## {heading}\n", "| word | meaning |", "|---|---|", *rows, ""]))
    return "".join(parts)


CLI_HEAD = """# Commands

Made from the commands by `python docs/make_reference.py`; `alignn-ff COMMAND --help` prints the same.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | `check`, `export`: a law or a comparison does not hold |
| 2 | wrong input; one message that names the problem and what to do |
| 3 | not converged; results are written and marked, and `--restart` resumes |
| 4 | stopped by a guard, or outside of the training data of the model ([domain.md](domain.md)) |
| 5 | a file could not be written, for example on a full disk |
| 130, 143 | ended by Ctrl-C or SIGTERM; runs write their files first |

"""

ROOMS = {
    "alignn_ff": "Models and the calculator",
    "alignn_ff.potential": "Potentials",
    "alignn_ff.predictor": "Property models",
    "alignn_ff.prediction": "Predictions",
    "alignn_ff.relax": "Relaxation",
    "alignn_ff.md": "Molecular dynamics",
    "alignn_ff.analysis": "Analysis of trajectories",
    "alignn_ff.properties": "Properties",
    "alignn_ff.batch": "Batches",
    "alignn_ff.train": "Training",
    "alignn_ff.zoo": "Models by name",
    "alignn_ff.domain": "Training domain",
    "alignn_ff.check": "Checks",
    "alignn_ff.testing": "Laws for tests",
    "alignn_ff.export": "Export",
    "alignn_ff.trajectory": "Trajectories",
    "alignn_ff.errors": "Errors",
}
"""Package or module → title of its page of the Python reference."""


def python_page(room: str) -> str:
    """All public names of a package, which mkdocstrings fills with their docstrings."""
    module = import_module(room)
    public = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == room
    ]
    made = FUNCTIONS if room == "alignn_ff.properties" else {}
    names = [name for name in public if not name.startswith("__") and name not in made]
    sections = [f"::: {room}.{name}\n" for name in names] + [property_section(name) for name in made]
    return "\n".join([f"# {ROOMS[room]}\n\n`{room}`\n", *sections])


def property_section(name: str) -> str:
    """The function of a property, which is made from its row and so cannot be read from the source."""
    row, shown = PROPERTIES[FUNCTIONS[name]], inspect.signature(getattr(import_module("alignn_ff.properties"), name))
    structures = [
        str(one.replace(annotation=one.empty)) for one in shown.parameters.values() if one.kind < one.KEYWORD_ONLY
    ]
    call = ", ".join([*structures, *([] if row.many else ["*"]), "…"])
    rows = []
    for field, info in row.config().model_fields.items():
        default = "needed" if info.is_required() else f"`{info.get_default()!r}`"
        rows.append(f"| `{field}` | {default} | {(info.description or '').replace('|', chr(92) + '|')} |")
    head = [
        f"## {name}",
        "",
        "```text",
        f"{name}({call}) -> {shown.return_annotation.__name__}",
        "```",
        "",
        row.help,
        "",
    ]
    beside = ["", "Also `config`, `calculator` and `notify`, as for `compute`.", ""]
    return "\n".join([*head, "| field | default | meaning |", "|---|---|---|", *rows, *beside])


def models() -> str:
    """The table of all shipped models, and a section for each."""
    cards = shipped_cards()
    return "\n".join([MODELS_HEAD + models_table(cards), MODELS_CALIBRATION, *map(model_section, cards), MODELS_FOOT])


def pages() -> dict[Path, str]:
    """Path → content of every page."""
    return {
        DOCS / "config.md": CONFIG_HEAD + markdown_reference(),
        DOCS / "config.schema.json": json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n",
        DOCS / "config-tests.md": TESTS_HEAD + coverage_table(),
        DOCS / "choices.md": choices(),
        DOCS / "cli.md": CLI_HEAD + commands_reference(),
        **{DOCS / "api" / f"{room.removeprefix('alignn_ff.')}.md": python_page(room) for room in ROOMS},
        DOCS / "models.md": models(),
    }


def main() -> None:
    """Write them."""
    for path, content in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
