"""The model that exports are compared with: the same one, on the eager backend in float64.

In: a potential. Out: another one.
"""

from copy import deepcopy

import torch

from alignn_ff.potential import Potential


def in_float64(potential: Potential) -> Potential:
    """The same model in float64 on the eager backend; the copy does not change the given one."""
    model = deepcopy(potential.model)
    return Potential(
        potential.name,
        potential.header,
        model,
        device=torch.device("cpu"),
        dtype=torch.float64,
        backend="eager",
    )
