"""What a user chooses for a melting temperature."""

from pydantic import Field

from alignn_ff.properties.config import PropertyConfig


class MeltingConfig(PropertyConfig):
    """How a melting temperature is computed."""

    temperature_K: float = Field(gt=0, description="first guess of the melting temperature, right within about 20 %")
    pressure_GPa: float = Field(0.0, description="pressure")
    min_width_A: float = Field(20.0, gt=0, description="smallest width of the cell across the interface")
    length_ratio: float = Field(3.0, ge=1.0, description="length of the cell over its width; half of it is melted")
    max_atoms: int = Field(4000, ge=1, description="larger cells are refused")
    timestep_fs: float = Field(2.0, gt=0, description="time step")
    crystal_ps: float = Field(
        5.0, gt=0, description="time in which the crystal expands to the guess of the temperature"
    )
    hot_ps: float = Field(
        5.0, gt=0, description="time in which the other half is molten; the same time follows at the guess"
    )
    hot_ratio: float = Field(2.5, gt=1.0, description="temperature at which it is molten, over the guess")
    joining_ps: float = Field(3.0, gt=0, description="time in which both halves come to the guess and the pressure")
    coexistence_ps: float = Field(100.0, gt=0, description="time at constant enthalpy")
    discarded: float = Field(0.4, ge=0.0, lt=0.9, description="part of that time that is left out of the averages")
    seed: int = Field(0, ge=0, description="seed of the velocities")
