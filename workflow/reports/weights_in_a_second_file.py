"""A small model from the torch.export exporter: are its weights in a second file?

https://github.com/painebenjamin/hey-buddy/issues/29
"""

from torch import Tensor, nn


class WeightsInASecondFile(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)
