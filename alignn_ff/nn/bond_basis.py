"""The functions of a bond that the layers of ``alignn_smooth`` read, from the vector of each bond.

In: edge vectors. Out: functions of the length, the envelope, angular functions of the direction. On compiled kernels
they are one operation with two derivatives, in float64 up to the result; else they run on the operations of torch.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.native import kernels_for
from alignn_ff.nn.basis import bessel_basis
from alignn_ff.nn.envelope import polynomial_envelope
from alignn_ff.nn.harmonics import n_harmonics, solid_harmonics
from alignn_ff.nn.sums.native_twice import NativeOperation, run_native


class BondBasis(NamedTuple):
    """Functions of bonds, in the dtype of a model.

    Attributes:
        radial: (n_edges, n_radial) Bessel functions of the length.
        weight: (n_edges, 1) envelope that ends at the cutoff.
        harmonics: (n_edges, n_harmonics) angular functions of the direction; without columns for order 0.
        weighted: (n_edges, n_harmonics) the same times the envelope.
    """

    radial: Tensor
    weight: Tensor
    harmonics: Tensor
    weighted: Tensor


class BasisSizes(NamedTuple):
    """Which functions.

    Attributes:
        cutoff: Å.
        n_radial: number of Bessel functions.
        max_order: of the angular functions; 0: there are none.
        exponent: of the envelope.
    """

    cutoff: float
    n_radial: int
    max_order: int
    exponent: int


def bond_basis(vectors: Tensor, distance: Tensor, sizes: BasisSizes, dtype: torch.dtype) -> BondBasis:
    """All functions of each bond.

    Args:
        vectors: (n_edges, 3) float64, Å.
        distance: (n_edges,) float64, Å, their lengths.
        sizes: which functions.
        dtype: of the results.
    """
    kernels = kernels_for("bond_basis", (vectors.new_empty(0, dtype=dtype),))
    n_columns = n_harmonics(sizes.max_order)
    if kernels is not None and vectors.dtype == torch.float64:
        n_edges = vectors.shape[0]
        numbers = (n_edges, sizes.n_radial, n_columns, sizes.exponent, float(sizes.cutoff))
        shapes = tuple((n_edges, width) for width in (sizes.n_radial, 1, n_columns, n_columns))
        return BondBasis(*run_native(NativeOperation(kernels, "bond_basis", dtype, (), numbers, shapes), vectors))
    weight = polynomial_envelope(distance, sizes.cutoff, sizes.exponent)[:, None].to(dtype)
    radial = bessel_basis(distance.to(dtype), sizes.cutoff, sizes.n_radial)
    if sizes.max_order == 0:
        none = weight.new_zeros(weight.shape[0], 0)
        return BondBasis(radial, weight, none, none)
    harmonics = solid_harmonics((vectors / distance[:, None]).to(dtype), sizes.max_order)
    return BondBasis(radial, weight, harmonics, weight * harmonics)
