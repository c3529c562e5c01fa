"""A trained silicon model with a line graph, and with holes when dense. It does not ship; see its README.md."""

from pathlib import Path
from typing import Final

LINE_GRAPH_MODEL: Final = Path(__file__).parents[1] / "data" / "line_graph" / "model.pt"
