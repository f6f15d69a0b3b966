"""LayerNorm from the torch.export exporter: does a ReduceMean of another version slip in?

https://github.com/pytorch/pytorch/issues/115596
"""

from torch import Tensor, nn


class LayerNormByDynamo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(5)
        nn.init.uniform_(self.norm.weight)
        nn.init.uniform_(self.norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x).mean(dim=1)
