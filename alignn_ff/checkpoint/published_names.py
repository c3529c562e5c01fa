"""How the published package names the weights of its models, and what they are called here."""

import re
from collections.abc import Mapping
from typing import Final

from torch import Tensor


def table_of_weights(content: object) -> dict[str, Tensor] | None:
    """The table of weights in a file's content, bare or as its entry ``model``."""
    table = content.get("model", content) if isinstance(content, Mapping) else None
    if not isinstance(table, Mapping) or "atom_embedding.layer.0.weight" not in {_bare(k) for k in table}:
        return None
    return {_bare(k): v for k, v in table.items()} if all(isinstance(v, Tensor) for v in table.values()) else None


def _bare(name: object) -> str:
    return str(name).removeprefix("module.")  # what data-parallel training puts before


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names of this package; those that are constants or unused are left out."""
    unused = [*CONSTANTS, r"fc\."] if "fc3.weight" in state else CONSTANTS
    found = {}
    for old, tensor in state.items():
        if any(re.match(pattern, old) for pattern in unused):
            continue
        new = old
        for pattern, replacement in RENAMES:
            new = re.sub(pattern, replacement, new)
        found[new] = tensor.reshape(1) if tensor.ndim == 0 and new.endswith("bias") else tensor  # of the link "log"
    return found


CONSTANTS: Final = [r"_species_table$"]
"""Entries that follow from the config."""

RENAMES: Final[list[tuple[str, str]]] = [
    (r"^atom_embedding\.", "network.atom_embedding."),
    (r"^edge_embedding\.0\.", "network.bond_basis."),
    (r"^edge_embedding\.1\.", "network.bond_embedding.0."),
    (r"^edge_embedding\.2\.", "network.bond_embedding.1."),
    (r"^angle_embedding\.0\.", "network.angle_basis."),
    (r"^angle_embedding\.1\.", "network.angle_embedding.0."),
    (r"^angle_embedding\.2\.", "network.angle_embedding.1."),
    (r"^alignn_layers\.(\d+)\.node_update\.", r"network.angle_blocks.\1.bonds."),
    (r"^alignn_layers\.(\d+)\.edge_update\.", r"network.angle_blocks.\1.angles."),
    (r"^gcn_layers\.", "network.bond_blocks."),
    (r"^fc_atomwise\.", "atomwise."),
    (r"^fc_additional_output\.", "additional."),
    (r"^extra_feature_embedding\.", "extra_embedding."),
    (r"^fc1\.", "extra_layers.0."),
    (r"^fc2\.", "extra_layers.1."),
    (r"^fc3?\.", "readout."),
    (r"\.layer\.0\.", ".linear."),
    (r"\.layer\.1\.", ".norm."),
    (r"\.src_gate\.", ".source_gate."),
    (r"\.dst_gate\.", ".target_gate."),
    (r"\.src_update\.", ".own."),
    (r"\.dst_update\.", ".value."),
    (r"\.bn_edges\.", ".edge_norm."),
    (r"\.bn_nodes\.", ".node_norm."),
    (r"\.attn_src\.", ".source_attention."),
    (r"\.attn_dst\.", ".target_attention."),
    (r"\.W_q\.", ".query."),
    (r"\.W_k\.", ".key."),
    (r"\.W_v\.", ".value."),
    (r"\.W_ke\.", ".edge_key."),
    (r"\.fc_node\.", ".own."),
    (r"\.fc_edge\.", ".edge_own."),
]
"""Published names → ours, applied in order."""
