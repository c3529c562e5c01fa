"""Config fields of the data: the source of the records, and which of their properties is learned."""

from typing import Literal

from pydantic import Field

from alignn_ff.train.config.sections import Section

DatasetName = Literal[
    "dft_3d",
    "jdft_3d-8-18-2021",
    "dft_2d",
    "megnet",
    "megnet2",
    "mp_3d_2020",
    "qm9",
    "qm9_dgl",
    "qm9_std_jctc",
    "user_data",
    "oqmd_3d_no_cfid",
    "edos_up",
    "edos_pdos",
    "qmof",
    "qe_tb",
    "hmof",
    "hpov",
    "pdbbind",
    "pdbbind_core",
    "tinnet_OH",
    "tinnet_O",
    "tinnet_N",
]
"""The published names: "user_data" is the user's own data, any other is downloaded through jarvis-tools."""

StructureFormat = Literal["poscar", "cif", "xyz", "pdb"]


class DataFields(Section):
    """Dataset and target."""

    dataset: DatasetName = Field(
        "dft_3d",
        description="where records come from: user_data reads `data`; any other is downloaded through jarvis-tools "
        "(pip install 'alignn-ff[jarvis]'). Where `data` is given, the default is user_data",
    )
    data: str | None = Field(
        None,
        description="file or folder of user_data: extended XYZ, ASE database, id_prop.json, or a folder with "
        "id_prop.json or id_prop.csv; --data overrides (ours)",
    )
    data_format: str | None = Field(
        None,
        description="ASE's name of the format of the file `data`, such as vasp-out or lammps-dump-text; null: found "
        "from name and content (ours)",
    )
    data_index: str | None = Field(
        None,
        description="which records of `data`: 0 is the first, -1 the last, :100 the first hundred, ::10 every tenth; "
        "null: all. FILE@INDEX means the same (ours)",
    )
    data_elements: tuple[str, ...] = Field(
        (), description="elements of the types 1, 2, … in a file of LAMMPS that does not name them, such as Si,O (ours)"
    )
    target: str = Field(
        "exfoliation_energy",
        description="column of id_prop.csv, key of id_prop.json or of a frame that is learned; where the data lack "
        "it: the only column, or total_energy; --target-key overrides",
    )
    id_tag: str = Field("jid", description="column or key that holds the identifier; --id-key overrides")
    forces_key: str | None = Field(None, description="key of the forces, eV/Å; null: forces (ours)")
    stress_key: str | None = Field(
        None,
        description="key of the stress, tension positive, 3×3 or Voigt: GPa in id_prop.json, eV/Å³ in others, eV if "
        "its name holds virial; null: stresses, stress (ours)",
    )
    atomwise_key: str | None = Field(
        None, description="key of the property of each atom; null: atomwise_target or atomwise (ours)"
    )
    additional_key: str | None = Field(
        None, description="key of the further property of a structure; null: additional_output or additional (ours)"
    )
    file_format: StructureFormat | None = Field(
        None, description="format of the structure files beside id_prop.csv; null: their names decide (ours)"
    )
    classification_threshold: float | None = Field(
        None, description="targets above it become class 1, others class 0, and model.classification is set"
    )
    target_multiplication_factor: float | None = Field(
        None, description="targets are multiplied by it before anything else; energies of force fields too, not forces"
    )
