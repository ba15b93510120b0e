"""Muon for many small matrices: equal shapes are orthogonalised together, in one batched product.

The rule is that of ``torch.optim.Muon`` with ``adjust_lr_fn="match_rms_adamw"``; one matrix at a
time costs as much as the model's own passes at this size.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_NS = (3.4445, -4.7750, 2.0315)


def orthogonalise(stack: Tensor) -> Tensor:
    """Return the (nearly) orthogonal factors of a stack of matrices, by Newton-Schulz steps."""
    x = stack.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    a, b, c = _NS
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; decoupled weight decay."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, decay: float = 0.02, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                alike.setdefault(parameter.shape, []).append(parameter)
            for shape, members in alike.items():
                for parameter in members:
                    state = self.state[parameter]
                    if not state:
                        state["momentum_buffer"] = torch.zeros_like(parameter)
                buffers = [self.state[parameter]["momentum_buffer"] for parameter in members]
                grads = [parameter.grad for parameter in members]
                torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
                stack = torch.stack(grads).lerp_(torch.stack(buffers), group["momentum"])
                updates = list(orthogonalise(stack).unbind())
                torch._foreach_mul_(members, 1 - group["lr"] * group["decay"])
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                torch._foreach_add_(members, updates, alpha=-rate)
