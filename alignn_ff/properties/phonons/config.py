"""What a user chooses for phonons."""

from pathlib import Path

from pydantic import Field

from alignn_ff.properties.config import PropertyConfig


class HarmonicConfig(PropertyConfig):
    """How force constants are computed; phonons, quasi-harmonic expansion and Grüneisen parameters share it."""

    fmax_eV_per_A: float = Field(
        1e-5, gt=0, description="limit on the forces (and on those on the cell, per atom) of the relaxation"
    )
    displacement_A: float = Field(
        0.01, gt=0, le=0.2, description="distance by which atoms are displaced; 0.03 with forces in float32"
    )
    supercell: tuple[int, int, int] | None = Field(
        None, description="repetitions of the primitive cell, such as 5,5,5; null: the smallest that is wide enough"
    )
    min_width_A: float | None = Field(
        None,
        gt=0,
        description="smallest distance between opposite faces of the supercell; null: 15 Å, or twice the cutoff of the "
        "model and 1 Å, if that is more",
    )
    max_atoms: int = Field(1000, ge=1, description="largest number of atoms of a supercell")
    plus_minus: bool = Field(False, description="displace every atom both ways, not only where symmetry asks for it")
    born: Path | None = Field(
        None,
        description="Born charges and dielectric tensor for the splitting of longitudinal and transverse modes: a BORN "
        'file of phonopy, or JSON with "born" (n_atoms × 3 × 3, primitive cell, e) and "dielectric" (3 × 3)',
    )
    mesh_length_A: float = Field(
        100.0, gt=0, description="q-points per reciprocal length: the mesh is that of a crystal of this size"
    )
    max_temperature_K: float = Field(1000.0, gt=0, description="highest temperature of the thermal table")
    temperature_step_K: float = Field(10.0, gt=0, description="step of the thermal table")


class PhononConfig(HarmonicConfig):
    """How phonons are computed."""

    points_per_segment: int = Field(51, ge=2, description="q-points of the longest segment of the band path")
    animate: int = Field(0, ge=0, description="write the displacement patterns of so many lowest modes as frames")
    follow: bool = Field(
        False,
        description="displace along the most unstable mode, relax without symmetry, and write the structure found",
    )
    gruneisen: bool = Field(
        False, description="mode Grüneisen parameters from force constants at two more volumes (three times the work)"
    )
