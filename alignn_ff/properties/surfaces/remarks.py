"""What a reader of surface energies must know."""

from typing import Final

from alignn_ff.properties.result import Remark
from alignn_ff.properties.surfaces.result import Surface, SurfaceResult
from alignn_ff.units import MEV_PER_EV

SLOPE_MEV: Final = 1.0
"""Largest difference between slope and crystal without a remark, per atom."""


def doubts(result: SurfaceResult) -> list[Remark]:
    """Remarks on each termination, and on the shape."""
    remarks = [remark for one in result.surfaces for remark in _doubts(result, one)]
    if any(not one.symmetric for one in result.surfaces):
        remarks.append(
            Remark(
                "unlike_faces",
                "the faces of some slabs are not alike: their energies are means of two faces, half the energy of "
                "cleavage; no calculation of slabs gives them one by one",
            )
        )
    return remarks


def _doubts(result: SurfaceResult, one: Surface) -> list[Remark]:
    remarks = []
    for relaxed, words in ((False, "as cut"), (True, "relaxed")):
        difference = MEV_PER_EV * (one.line(relaxed=relaxed).slope - result.bulk_energy)
        if abs(difference) > SLOPE_MEV:
            remarks.append(
                Remark(
                    "not_converged_with_thickness",
                    f"{one.label}, {words}: the energy per added atom differs from that of the crystal by "
                    f"{difference:+.1f} meV, so the slabs are too thin, or relaxed into different structures; use a "
                    "larger --thickness",
                )
            )
    if one.energy() <= 0.0:
        remarks.append(
            Remark("negative", f"{one.label}: the surface energy is negative: the crystal would fall apart there")
        )
    return remarks
