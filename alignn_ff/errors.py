"""Errors that people read: what was given, what is allowed, what to do.

Every error raised on bad input derives from :class:`AlignnError`; the command line prints its
message without a traceback and exits with its ``exit_code``.
"""


class AlignnError(Exception):
    """Base of all errors of this package that a user can mend."""

    exit_code = 2


class StructureError(AlignnError):
    """A structure cannot be read or makes no physical sense."""


class ElementNotCoveredError(AlignnError):
    """A model does not know an element of the structure."""


class ModelNotFoundError(AlignnError):
    """No model has this name, or the path holds none."""


class CheckpointError(AlignnError):
    """A model folder is broken, foreign or of an unknown version."""


class PropertyModelError(AlignnError):
    """A model of properties was asked for energies and forces."""


class DownloadError(AlignnError):
    """A file could not be downloaded, or is not the one expected."""


class MemoryLimitError(AlignnError):
    """A computation does not fit into the memory at hand."""


class DifferentiationError(AlignnError):
    """A result that carries no history was to be differentiated."""


class ConfigError(AlignnError):
    """A configuration is not valid."""


class DataError(AlignnError):
    """Training or evaluation data are not usable."""


class TrainingError(AlignnError):
    """Training cannot start, resume or go on."""

    exit_code = 2


class StorageError(AlignnError):
    """A file cannot be written: the disk is full, or not writable."""


class SimulationError(AlignnError):
    """A simulation was stopped because going on would give wrong results."""

    exit_code = 4


class OutputError(AlignnError):
    """A file could not be written while a run was under way: a full or failing disk."""

    exit_code = 5


class CompilerError(AlignnError):
    """The C++ kernels cannot be compiled or loaded here."""


class KernelError(AlignnError):
    """A compiled kernel failed, or refused its input."""
