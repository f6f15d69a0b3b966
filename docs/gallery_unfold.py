"""`Tensor.unfold` along a negative dimension, by the TorchScript exporter: transposed, and no word.

Needs torch, onnx and onnxruntime, nothing of this project. torch 2.14.1 and 2.13.0 print

    torch (2, 4, 3, 8)
    unfold(1, 8, 8) opset 17: valid, onnxruntime (2, 4, 3, 8)
    unfold(-2, 8, 8) opset 17: valid, onnxruntime (2, 3, 4, 8)
"""

import io
import warnings

import onnx
import onnxruntime
import torch


class Patches(torch.nn.Module):
    """Patches of eight steps of several time series: batch × patches × series × steps."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: float[batch, steps, series]."""
        return x.unfold(self.dimension, 8, 8)


warnings.simplefilter("ignore")
x = torch.randn(2, 32, 3)
print("torch", tuple(Patches(-2)(x).shape))
for dimension in (1, -2):
    file = io.BytesIO()
    torch.onnx.export(
        Patches(dimension), (x,), file, dynamo=False, opset_version=17, input_names=["x"]
    )
    onnx.checker.check_model(onnx.load_from_string(file.getvalue()), full_check=True)
    (result,) = onnxruntime.InferenceSession(file.getvalue()).run(None, {"x": x.numpy()})
    print(f"unfold({dimension}, 8, 8) opset 17: valid, onnxruntime {result.shape}")
