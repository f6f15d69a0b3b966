"""A causal mask where keys outnumber queries: Attention exists since opset 23."""

from torch import Tensor, nn
from torch.nn import functional as F


class AttentionCausal(nn.Module):
    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
