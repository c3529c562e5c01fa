"""Path of lowest energy between two structures, and its barrier, by a nudged elastic band."""

from alignn_ff.properties.reaction_path.config import NEBConfig
from alignn_ff.properties.reaction_path.path import reaction_path
from alignn_ff.properties.reaction_path.result import NEBResult

__all__ = ["NEBConfig", "NEBResult", "reaction_path"]
