"""How a model tells its uncertainty, in sentences for its card."""

from alignn_ff.checkpoint.format import Header

METHODS = {"committee": "the spread of the committee", "last_layer": "the last layer"}


def uncertainty_in_words(header: Header) -> tuple[str, ...]:
    """A sentence for each quantity that has a standard deviation; empty for a model that tells none."""
    told, sentences = header.uncertainty, list[str]()
    if told.energy_by is not None:
        rivals = [f"{METHODS[m]} (NLL {nll:.3f})" for m in METHODS if (nll := _nll(header, m)) is not None]
        chosen = f"standard deviations of energies by {METHODS[told.energy_by]}"
        sentences.append(f"{chosen}, the better calibrated of {' and '.join(rivals)}" if len(rivals) > 1 else chosen)
    if header.members:
        sentences.append(f"standard deviations of forces and stress by the spread of {len(header.members)} models")
    elif header.last_layer is not None:
        how = "" if header.last_layer.forces else ", with the scale of energies, since no forces were held out"
        sentences.append(f"standard deviations of forces and stress by the last layer, where asked for{how}")
    for name, figures in told.figures.items():
        if "within_68" in figures:
            counted = f"{figures['within_68']:.0%} of {figures['n']:.0f} held-out errors"
            sentences.append(f"{name.replace('_', ' ')}: {counted} are within the 68.3 % interval")
    return tuple(sentences)


def _nll(header: Header, method: str) -> float | None:
    return header.uncertainty.figures.get(f"{method} energy", {}).get("nll")
