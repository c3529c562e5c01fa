"""Bricks of the models: sums, envelopes, bases, the edge-gated convolution, repulsion."""

from alignn_ff.nn.basis import bessel_basis, chebyshev_basis
from alignn_ff.nn.convolution import EdgeGatedConvolution
from alignn_ff.nn.envelope import polynomial_envelope
from alignn_ff.nn.repulsion import ZBLRepulsion
from alignn_ff.nn.segment import segment_sum

__all__ = [
    "EdgeGatedConvolution",
    "ZBLRepulsion",
    "bessel_basis",
    "chebyshev_basis",
    "polynomial_envelope",
    "segment_sum",
]
