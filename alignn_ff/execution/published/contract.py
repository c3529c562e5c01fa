"""What an engine does: one gated average forwards, and one backwards, with edge arrays of which few are ever kept.

m_e = p_e + A·x_src + B·x_dst           p_e = C·y_e + c
x_i ← x_i + SiLU(norm(U·x_i + Σ σ(m_e) ⊙ V·x_src / (Σ σ(m_e) + ε)))
y_e ← y_e + SiLU(norm(m_e))
"""

from typing import NamedTuple, Protocol

from torch import Tensor

from alignn_ff.execution.published.table import Table
from alignn_ff.execution.published.topology import Topology
from alignn_ff.execution.published.weights import Convolution
from alignn_ff.execution.published.workspace import Workspace


class Angles(NamedTuple):
    """Edges that are angles, before the first layer.

    Attributes:
        cosines: (n_edges,) float64.
        states: table of y.
        gates: table of p.
    """

    cosines: Tensor
    states: Table
    gates: Table


class Lower(NamedTuple):
    """A layer to be run again so as to get the edge states after it.

    Attributes:
        layer: the convolution.
        nodes: (n_nodes, width) what it read.
        following: the convolution whose p the new states give.
    """

    layer: Convolution
    nodes: Tensor
    following: Convolution


class EdgeInput(NamedTuple):
    """Where p and y of a block of edges come from.

    Attributes:
        gates: (n_edges, width) p, kept; or None.
        states: (n_edges, width) y, kept; or None. Without ``gates`` p is made of it.
        angles: where neither is kept, what both are made of,
        lower: through these layers.
    """

    gates: Tensor | None = None
    states: Tensor | None = None
    angles: Angles | None = None
    lower: tuple[Lower, ...] = ()


class Output(NamedTuple):
    """Where a layer writes to, and what to keep of updated edges, whose arrays may be those of the input.

    Attributes:
        nodes: (n_nodes, width), gets the new x.
        states: (n_edges, width), gets the new y; or None.
        gates: (n_edges, width), gets the p that the new y gives in layer ``following``; or None.
        following: the convolution that reads them next; None: no layer reads them, and there is no update.
        read: (n_edges, width), gets the p that this layer read; or None. It may be the array of the old y.
    """

    nodes: Tensor
    states: Tensor | None = None
    gates: Tensor | None = None
    following: Convolution | None = None
    read: Tensor | None = None

    @property
    def wanted(self) -> bool:
        """Whether edges are updated at all."""
        return self.states is not None or self.gates is not None


class Gradients(NamedTuple):
    """Derivatives that flow into a layer from above, and become those of what it read.

    Attributes:
        nodes: (n_nodes, width) ∂E/∂(new x), becomes ∂E/∂x.
        states: (n_edges, width) holds ∂E/∂(new y) if ``states_read``, and gets ∂E/∂y, unless there are cosines;
            where it is not read, it may be the array of the gates that the layer read.
        states_read: whether a later layer read the new y.
        cosines: (n_edges,) gets ∂E/∂cosine; None where the edges are not made of angles.
    """

    nodes: Tensor
    states: Tensor | None
    states_read: bool
    cosines: Tensor | None = None


class GatedAverage(NamedTuple):
    """One layer and what it reads, in both directions.

    Attributes:
        layer: weights.
        topology: source and target of each edge.
        nodes: (n_nodes, width) x.
        edges: where p and y come from.
        workspace: where an engine takes further arrays from.
    """

    layer: Convolution
    topology: Topology
    nodes: Tensor
    edges: EdgeInput
    workspace: Workspace


class Engine(Protocol):
    """Both directions; tensors on one device, in one dtype."""

    def convolve(self, average: GatedAverage, output: Output) -> None:
        """Writes ``output``."""

    def pull_back(self, average: GatedAverage, gradients: Gradients) -> None:
        """Writes ``gradients``."""
