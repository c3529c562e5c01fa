"""TorchScript: a force field as one ``.pt`` file that libtorch loads, with angles and derivatives inside.

In: a force field in memory. Out: a file with the entries ``forward_tensors_z`` and ``energy_and_edge_gradient``.
"""

from alignn_ff.export.torchscript.networks import NETWORKS

__all__ = ["NETWORKS"]
