"""An embedding and a projection that share their weights: once or twice in the file?

https://github.com/huggingface/optimum/pull/1326
"""

from torch import Tensor, nn


class TiedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(100, 16)
        self.head = nn.Linear(16, 100, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.words(tokens))
