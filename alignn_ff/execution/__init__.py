"""Execution backends: how the one energy of a model is computed, never what it is."""

from alignn_ff.execution.admission import MemoryGate
from alignn_ff.execution.backends import BACKENDS, Backend, BackendName, choose_backend, pays_to_compile
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.fallback import Frugal

__all__ = [
    "BACKENDS",
    "Backend",
    "BackendName",
    "Evaluate",
    "Frugal",
    "Limits",
    "MemoryGate",
    "choose_backend",
    "pays_to_compile",
]
