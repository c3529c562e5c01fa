"""Errors for users. Each message has what was given, what is allowed and what to do.

Every error raised on bad input derives from :class:`AlignnError`; the command line prints its
message without a traceback and exits with its ``exit_code``.
"""


class AlignnError(Exception):
    """Base of all errors of this package that a user can correct."""

    exit_code = 2

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle any error, whatever its constructor takes, so that it travels back from a worker process."""
        return _restored, (type(self), self.args), self.__dict__


class StructureError(AlignnError):
    """A structure cannot be read or is not physically valid."""


class ElementNotCoveredError(AlignnError):
    """A model does not cover an element of the structure."""


class ModelNotFoundError(AlignnError):
    """No model has this name, or there is none at the path."""


class CheckpointError(AlignnError):
    """A file or folder is damaged, of another kind or of an unknown version."""


class PropertyModelError(AlignnError):
    """Energies and forces were requested of a property model."""


class DownloadError(AlignnError):
    """A file could not be downloaded, or is not the expected one."""


class MemoryLimitError(AlignnError):
    """A computation does not fit into the available memory."""


class DifferentiationError(AlignnError):
    """Derivatives of a result without autograd history were requested."""


class ConfigError(AlignnError):
    """A configuration is not valid."""


class DataError(AlignnError):
    """Training or evaluation data are not usable."""


class TrainingError(AlignnError):
    """Training cannot start, resume or continue."""


class ForkedProcessError(AlignnError):
    """A forked process cannot use the threads or the GPU of its parent."""


class SimulationError(AlignnError):
    """A simulation was stopped because further steps would give wrong results."""

    exit_code = 4


class NotFiniteError(SimulationError):
    """An energy, force or stress is not a finite number."""


class OutputError(AlignnError):
    """The files of a run cannot be written, or were changed since it stopped."""

    exit_code = 5


class StorageError(OutputError):
    """A disk is full, over quota or failing; every writer raises this, and no caller turns it into another error."""


class CompilerError(AlignnError):
    """The C++ kernels cannot be compiled or loaded here."""


class KernelError(AlignnError):
    """A compiled kernel failed, or refused its input."""


def _restored(kind: type[AlignnError], arguments: tuple[object, ...]) -> AlignnError:
    """An error of a kind with these ``args``, without a call of its constructor."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    return error


class ExportError(AlignnError):
    """An exported file does not agree with its model, so it was not kept."""

    exit_code = 1
