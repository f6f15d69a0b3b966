"""LogSoftmax over the middle axis, at both sides of opset 13: what the versions flatten.

https://github.com/openvinotoolkit/openvino/issues/37823
"""

from torch import Tensor, nn


class LogSoftmaxConverted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.log_softmax(dim=1)
