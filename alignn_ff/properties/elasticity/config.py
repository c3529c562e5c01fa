"""What a user chooses for elastic constants."""

from pydantic import Field

from alignn_ff.properties.config import PropertyConfig


class ElasticConfig(PropertyConfig):
    """How elastic constants are computed."""

    strain: float = Field(
        0.005, gt=0, le=0.05, description="largest Voigt strain (engineering shear), either way; half of it is used too"
    )
    standard: bool = Field(False, description="turn the crystal to the conventional axes first (x along a, z along c*)")
