"""The trained model with a line graph that does not ship; its README.md says what it is."""

from pathlib import Path
from typing import Final

LINE_GRAPH: Final = "line graph"
"""Its name in tables."""

LINE_GRAPH_MODEL: Final = Path(__file__).parents[1] / "tests" / "data" / "line_graph" / "model.pt"
