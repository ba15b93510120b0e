"""A second tree of modules over the weights of a model that belongs to somebody else."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from transformers import PreTrainedConfig


def twin(model: nn.Module) -> nn.Module | None:
    """Double the modules and the config of a model, and share its parameters.

    A pipeline that is taken over goes on working for its owner, in other threads, at the same time.
    A packed pass changes the config while it runs, so it needs one of its own, and modules that
    read that one. Parameters and buffers are the same objects: no memory is spent on them.

    Args:
        model: a transformers model; it is not changed.

    Returns:
        The twin; None where a module's ``forward`` was
        replaced on the object (accelerate does so to move layers between devices), because that
        function would go on running the owner's module.
    """
    if any("forward" in vars(module) for module in model.modules()):
        return None
    configs: dict[int, PreTrainedConfig] = {}
    return _doubled(model, configs, {})


def _doubled(
    module: nn.Module, configs: dict[int, PreTrainedConfig], done: dict[int, nn.Module]
) -> nn.Module:
    if id(module) in done:
        return done[id(module)]
    double = module.__new__(type(module))
    done[id(module)] = double
    for name, value in vars(module).items():
        double.__dict__[name] = _attribute(name, value, configs)
    double.__dict__["_modules"] = {
        name: None if child is None else _doubled(child, configs, done)
        for name, child in module._modules.items()
    }
    double.__dict__["_compiled_call_impl"] = None  # compiled code is bound to the owner's module
    return double


def _attribute(name: str, value: Any, configs: dict[int, PreTrainedConfig]) -> Any:
    if isinstance(value, PreTrainedConfig):
        if id(value) not in configs:
            configs[id(value)] = copy.deepcopy(value)
        return configs[id(value)]
    if isinstance(value, dict) and name not in ("_parameters", "_buffers"):
        return copy.copy(value)  # of hooks: those put on one tree are not heard on the other
    return value
