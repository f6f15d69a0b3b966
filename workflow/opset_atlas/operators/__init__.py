"""The history of every operator, from onnx's schemas and our notes."""
