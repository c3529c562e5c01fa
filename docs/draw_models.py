"""Draw how well the standard deviations of the shipped models fit their errors: docs/figures/models-calibration.png.

python docs/draw_models.py
"""

from pathlib import Path

from alignn_ff import checkpoint
from alignn_ff.plots import calibration_of_models, save_figure
from alignn_ff.zoo import shipped_cards


def main() -> None:
    """One figure of all models that keep a calibration."""
    kept = {card.name: checkpoint.read(card.file)[0].uncertainty.groups for card in shipped_cards()}
    figure = calibration_of_models(kept)
    if figure is None:
        raise SystemExit("no shipped model keeps a calibration")
    save_figure(figure, Path(__file__).parent / "figures" / "models-calibration.png")


if __name__ == "__main__":
    main()
