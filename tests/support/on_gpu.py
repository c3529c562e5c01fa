"""Where the host may wait for a GPU and copy to it, and potentials on the pretended one."""

from collections import Counter
from typing import Final

import torch

from alignn_ff.checkpoint import Header
from alignn_ff.potential import Potential
from tests.support.pretend_gpu import GPU, Step
from tests.support.tiny_models import tiny_model

ALLOWED_WAITS: Final = {
    "graph/transfer.py:tensors_to_host": "the result, all of it in one copy",
    "models/published/heads.py:keep_edges": "ealignn drops long bonds, and so the angles between them",
    "models/published/heads.py:states": "ealignn drops long bonds",
    "execution/published/evaluate.py:_bonds": "ealignn drops long bonds",
    "execution/published/topology.py:line_topology": "blocked: bonds without angles",
    "execution/published/topology.py:blocks": "blocked: the host chooses blocks that fit into memory",
    "models/last_layer.py:principal": "eigenvalues of the matrix of the last layer",
    "models/published/derivatives.py:without_torque": "ealignn is trained on forces without torque: eigenvalues",
    "train/trainer/ahead.py:__init__": "loss and norm of the gradient, read during the next step",
}
"""Place → why the host waits for the device there."""

UPLOADS: Final = {
    "graph/transfer.py:<genexpr>",
    "graph/transfer.py:<dictcomp>",
    "graph/transfer.py:system_to",
    "graph/transfer.py:graph_to",
    "train/records/batches.py:<lambda>",
    "train/records/resident.py:batch",
    "train/trainer/recorded.py:_repeat",
}
"""The places where structures go to the device (comprehensions have a name of their own up to Python 3.11)."""


def on_gpu(header: Header, backend: str = "auto") -> Potential:
    return Potential("tiny", header, tiny_model(header), device=GPU, dtype=torch.float64, backend=backend)


def assert_few_waits(step: Step, *, most_results: int = 1) -> None:
    """Only where it is allowed, and for results once; copies to the device only of what was prepared."""
    places = Counter(event.place for event in step.waits)
    assert not places.keys() - ALLOWED_WAITS.keys(), places
    assert places["graph/transfer.py:tensors_to_host"] <= most_results
    assert {event.place for event in step.uploads} <= UPLOADS
