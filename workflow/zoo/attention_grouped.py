"""Two query heads share a key head (`enable_gqa`)."""

from torch import Tensor, nn
from torch.nn import functional as F


class AttentionGrouped(nn.Module):
    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
