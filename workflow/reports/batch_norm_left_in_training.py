"""BatchNorm that its author never set to `eval()`: training and file disagree.

https://github.com/microsoft/onnxruntime/issues/3873
"""

from torch import Tensor, nn


class BatchNormLeftInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        nn.init.uniform_(self.norm.running_mean, -1, 1)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)
