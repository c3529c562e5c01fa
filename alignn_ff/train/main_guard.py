"""A script without ``if __name__ == "__main__":`` is run again by each process that it starts; this is recognised."""

import traceback
from typing import Final

from alignn_ff.errors import TrainingError

ADVICE: Final = 'put the call into `if __name__ == "__main__":`, or set num_workers to 0'


def refuse_second_run() -> None:
    """Stop where a process that was started to build graphs runs the script of its parent, and so trains again.

    Raises:
        TrainingError: it does.
    """
    for frame, _ in traceback.walk_stack(None):
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            raise TrainingError(
                f"the script {frame.f_code.co_filename} calls training while it is imported, and a process that builds "
                f"graphs imports it: {ADVICE}"
            )
