"""Weights that take a neighbour out of every sum before it leaves the cutoff."""

from torch import Tensor


def polynomial_envelope(distance: Tensor, cutoff: float | Tensor, exponent: int = 6) -> Tensor:
    """Envelope that is 1 at zero distance and 0, with zero slope and curvature, from the cutoff on.

    u(x) = 1 − (p+1)(p+2)/2·x^p + p(p+2)·x^(p+1) − p(p+1)/2·x^(p+2), x = distance/cutoff
    (Gasteiger et al., ICLR 2020, DimeNet, eq. 8).

    Args:
        distance: any shape, Å.
        cutoff: Å, a number or a tensor of the shape of ``distance``.
        exponent: p ≥ 3; larger keeps the envelope near 1 for longer.

    Returns:
        The shape of ``distance``, in [0, 1], C² everywhere on distance > 0.
    """
    return reduced_envelope(distance / cutoff, exponent)


def reduced_envelope(x: Tensor, exponent: int) -> Tensor:
    """The envelope u(x) of a distance divided by its cutoff; TorchScript compiles it."""
    p = float(exponent)
    x = x.clamp(max=1.0)
    tail = x * (p * (p + 2.0) - (0.5 * p * (p + 1.0)) * x) - 0.5 * (p + 1.0) * (p + 2.0)
    return 1.0 + x.pow(exponent) * tail


def shoulder_envelope(distance: Tensor, inner: float, cutoff: float, exponent: int = 5) -> Tensor:
    """Envelope that is 1 up to ``inner`` and falls to 0 at ``cutoff``, C² at both ends.

    :func:`polynomial_envelope` of (distance − inner)/(cutoff − inner).

    Args:
        distance: any shape, Å.
        inner: Å, less than ``cutoff``.
        cutoff: Å.
        exponent: p ≥ 3.
    """
    return polynomial_envelope((distance - inner).clamp(min=0.0), cutoff - inner, exponent)
