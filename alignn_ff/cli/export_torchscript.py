"""``export_torchscript.py``: the published package's command and options, for ``alignn-ff export --to torchscript``."""

import argparse
from collections.abc import Sequence

from alignn_ff.cli.app import main as run
from alignn_ff.cli.app import user_errors
from alignn_ff.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit.

    Args:
        arguments: of the command line, without the program's name; None means those of the process.
    """
    parser = argparse.ArgumentParser(prog="export_torchscript.py", description=__doc__)
    parser.add_argument("--model-dir", required=True, help="training output folder, model file or zoo name")
    parser.add_argument("--out", default="alignn_ff.pt", help="file that is written")
    parser.add_argument("--atom-features", help="accepted for compatibility; must be those of the model")
    parser.add_argument("--dtype", default="float32", help="float32 or float64")
    parser.add_argument("--stress-unit", default="eV/A^3", help="eV/A^3, or GPa as the published exporter has it")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    given = parser.parse_args(arguments)
    if given.atom_features is not None:
        with user_errors():
            check_features(given.model_dir, given.atom_features)
    words = ["export", given.model_dir, "--to", "torchscript", "--output", given.out]
    words += ["--dtype", given.dtype, "--stress-unit", given.stress_unit]
    run([*words, "--overwrite"] if given.overwrite else words)


def check_features(model: str, features: str) -> None:
    """Make sure that a model reads these element features.

    Raises:
        ConfigError: it reads others.
    """
    from alignn_ff.loading import open_model

    read = open_model(model, device="cpu", dtype="float32").header.model.outputs.element_features
    if read is not None and read != features:
        raise ConfigError(
            f"--atom-features is {features!r}, but the model was trained with {read!r}, which the file holds; leave "
            "the option out"
        )
