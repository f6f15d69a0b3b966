"""An `if` on a value of the input: tracing keeps the branch that it went.

https://github.com/onnx/onnx/issues/4298
"""

from torch import Tensor, nn


class BranchInPython(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x * 2
        return x - 1
