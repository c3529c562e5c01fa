"""Frozen parts of a model: chosen by the names of modules, they stay as they are while the rest learns."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from alignn_ff.errors import ConfigError
from alignn_ff.nn import BatchNorm


def freeze(model: nn.Module, patterns: Sequence[str]) -> int:
    """Freeze every parameter of the modules that a pattern names, with all that is inside them.

    Args:
        model: whose parameters learn so far.
        patterns: names of modules or parameters, with ``*`` and ``?`` as in file names.

    Returns:
        How many numbers are frozen.

    Raises:
        ConfigError: a pattern names nothing, or nothing is left to learn.
    """
    named = {name: module for name, module in model.named_modules() if name and any(True for _ in module.parameters())}
    for pattern in patterns:
        chosen = [p for name, module in named.items() if fnmatchcase(name, pattern) for p in module.parameters()]
        chosen += [p for name, p in model.named_parameters() if fnmatchcase(name, pattern)]
        if not chosen:
            raise ConfigError(
                f"freeze names {pattern!r}, but no module of this model is called so; there are\n{_listed(named)}\n"
                'with * and ? as in file names, such as "atom_blocks.*"'
            )
        for parameter in chosen:
            parameter.requires_grad_(False)
    if not any(p.requires_grad for p in model.parameters()):
        raise ConfigError(f"freeze {list(patterns)} leaves nothing to learn; leave out a part, such as the readout")
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Those that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def set_training_mode(model: nn.Module) -> None:
    """Training mode; batch normalisation that is frozen keeps its statistics."""
    model.train()
    for module in model.modules():
        if isinstance(module, BatchNorm) and not module.weight.requires_grad:
            module.eval()


def _listed(named: dict[str, nn.Module]) -> str:
    top = [name for name in named if name.count(".") < 2]
    return "\n".join(f"  {name} ({sum(p.numel() for p in named[name].parameters())} numbers)" for name in top)
