"""What machine code needs: the processor, device and torch that it was made for.

In: nothing but this machine. Out: a record that a file keeps, and words where a machine does not fit to a record.
"""

import platform
from typing import Any, Final

import torch

DEVICES: Final = ("cpu", "cuda")
"""Devices that a file can be made for."""
OLDEST_TORCH: Final = (2, 13)
"""The torch that files are tested with."""


def machine_record(device: str) -> dict[str, Any]:
    """What a file keeps of this machine.

    Args:
        device: a word of :data:`DEVICES`.

    Returns:
        device, its name for CUDA, torch_version, architecture and instructions of the processor.
    """
    gpu = torch.cuda.get_device_capability() if device == "cuda" else None
    return {
        "device": device,
        "gpu_capability": None if gpu is None else f"{gpu[0]}.{gpu[1]}",
        "torch_version": torch.__version__.partition("+")[0],
        "system": platform.system(),
        "architecture": platform.machine(),
        "instructions": instructions(),
    }


def instructions() -> list[str]:
    """Sets of instructions of this processor, sorted; the compiler uses all of them (``-march=native``)."""
    return sorted(name for name, has in torch.cpu.get_capabilities().items() if has is True)


def torch_refusal() -> str | None:
    """Why the installed torch cannot compile models, None where it can."""
    major, minor = (int(part) for part in torch.__version__.split(".")[:2])
    if (major, minor) < OLDEST_TORCH:
        return f"torch is {torch.__version__}, and the target aoti needs {'.'.join(map(str, OLDEST_TORCH))} or newer"
    return None


def device_refusal(device: str) -> str | None:
    """Why files cannot be made for a device, or run on it, here; None where they can."""
    if device not in DEVICES:
        return f"device is {device!r}; allowed are {', '.join(DEVICES)}"
    if device == "cuda" and not torch.cuda.is_available():
        return (
            "device is 'cuda', and torch finds no GPU here (torch.cuda.is_available() is false); use a torch with CUDA "
            "on a machine with a GPU, or the device cpu"
        )
    return None


def misfit(made_for: dict[str, Any]) -> str | None:
    """Why code that was made for a machine cannot run on this one, None where it can.

    Args:
        made_for: a record of :func:`machine_record`.
    """
    refused = device_refusal(made_for["device"])
    if refused is not None:
        return refused
    here = machine_record(made_for["device"])
    words = {"system": "", "architecture": "", "torch_version": "torch ", "gpu_capability": "GPUs of the capability "}
    for key, word in words.items():
        if made_for[key] != here[key]:
            return f"it was made for {word}{made_for[key]}, and here is {word}{here[key]}"
    missing = sorted(set(made_for["instructions"]) - set(here["instructions"]))
    if missing:
        return f"it was made for a processor with {', '.join(missing)}, and this one does not have these instructions"
    return None
