"""Execution backends: how the one energy of a model is computed, never what it is."""

from alignn_ff.execution.admission import MemoryGate
from alignn_ff.execution.backends import BACKENDS, Backend, BackendName, choose_backend, why_not, worth_compiling
from alignn_ff.execution.contract import Evaluate, Execution, Limits, MemoryLaw
from alignn_ff.execution.executor import Executor
from alignn_ff.execution.last_layer import (
    derivative_rows,
    derivatives_along,
    features_of,
    has_last_layer,
    last_layer_spread,
    means_of,
)

__all__ = [
    "BACKENDS",
    "Backend",
    "BackendName",
    "Evaluate",
    "Execution",
    "Executor",
    "Limits",
    "MemoryGate",
    "MemoryLaw",
    "choose_backend",
    "derivative_rows",
    "derivatives_along",
    "features_of",
    "has_last_layer",
    "last_layer_spread",
    "means_of",
    "why_not",
    "worth_compiling",
]
