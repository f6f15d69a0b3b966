"""An encoder asked for at opset 17 from the torch.export exporter: does it come back at 17?

https://github.com/pytorch/pytorch/issues/150592
"""

from torch import Tensor, nn


class EncoderAtSeventeen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.norm = nn.LayerNorm(6)
        self.project = nn.Linear(6, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.project(self.norm(self.words(tokens))).relu()
