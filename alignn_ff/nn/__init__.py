"""Bricks of the models: sums, envelopes, bases, the edge-gated convolution, repulsion."""

from alignn_ff.nn.basis import bessel_basis, chebyshev_basis
from alignn_ff.nn.convolution import EdgeGatedConvolution
from alignn_ff.nn.envelope import polynomial_envelope
from alignn_ff.nn.gated_sum import gated_sum, plain_gated_sum
from alignn_ff.nn.repulsion import ZBLRepulsion
from alignn_ff.nn.segment import Edges, Segments, gather, make_edges, make_segments, scatter_sum, segment_sum

__all__ = [
    "EdgeGatedConvolution",
    "Edges",
    "Segments",
    "ZBLRepulsion",
    "bessel_basis",
    "chebyshev_basis",
    "gated_sum",
    "gather",
    "make_edges",
    "make_segments",
    "plain_gated_sum",
    "polynomial_envelope",
    "scatter_sum",
    "segment_sum",
]
