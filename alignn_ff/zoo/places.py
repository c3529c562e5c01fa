"""Folders of the models that the user added or downloaded."""

from pathlib import Path
from typing import Final

import platformdirs

APP: Final = "alignn-ff"


def user_zoo() -> Path:
    """Folder of the models that the user added; ``zoo add`` creates it."""
    return platformdirs.user_data_path(APP, appauthor=False) / "zoo"


def download_cache() -> Path:
    """Folder of downloaded models; ``zoo fetch`` creates it."""
    return platformdirs.user_cache_path(APP, appauthor=False) / "models"
