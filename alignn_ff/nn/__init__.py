"""Building blocks of the models: sums, envelopes, bases, the edge-gated convolution, repulsion."""

from alignn_ff.nn.attention import NodeAttentionConvolution, SelfAttentionConvolution
from alignn_ff.nn.basis import bessel_basis, chebyshev_basis
from alignn_ff.nn.bond_basis import BasisSizes, BondBasis, bond_basis
from alignn_ff.nn.bounds import BoundedEnergy, EnergyBounds
from alignn_ff.nn.convolution import EdgeGatedConvolution
from alignn_ff.nn.envelope import polynomial_envelope, shoulder_envelope
from alignn_ff.nn.gated_average import GatedAverageConvolution
from alignn_ff.nn.gaussian import GaussianBasis
from alignn_ff.nn.moments import (
    Directions,
    MomentGates,
    MomentInvariants,
    Moments,
    make_directions,
    reverse_edges,
)
from alignn_ff.nn.norm import BatchNorm, NormedLayer, NormKind
from alignn_ff.nn.repulsion import RepulsionEnds, ZBLRepulsion
from alignn_ff.nn.short_range import linear_penalty, published_zbl
from alignn_ff.nn.sums.gated_sum import gated_sum, plain_gated_sum
from alignn_ff.nn.sums.segment import (
    Edges,
    Segments,
    count_rows,
    gather,
    make_edges,
    make_segments,
    scatter_sum,
    segment_sum,
)
from alignn_ff.nn.sums.summation import SummationName, summation_refusal, summing

__all__ = [
    "BasisSizes",
    "BatchNorm",
    "BondBasis",
    "BoundedEnergy",
    "Directions",
    "EdgeGatedConvolution",
    "Edges",
    "EnergyBounds",
    "GatedAverageConvolution",
    "GaussianBasis",
    "MomentGates",
    "MomentInvariants",
    "Moments",
    "NodeAttentionConvolution",
    "NormKind",
    "NormedLayer",
    "RepulsionEnds",
    "Segments",
    "SelfAttentionConvolution",
    "SummationName",
    "ZBLRepulsion",
    "bessel_basis",
    "bond_basis",
    "chebyshev_basis",
    "count_rows",
    "gated_sum",
    "gather",
    "linear_penalty",
    "make_directions",
    "make_edges",
    "make_segments",
    "plain_gated_sum",
    "polynomial_envelope",
    "published_zbl",
    "reverse_edges",
    "scatter_sum",
    "segment_sum",
    "shoulder_envelope",
    "summation_refusal",
    "summing",
]
