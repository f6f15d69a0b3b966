"""The user's model: a module or an ONNX file, its inputs, and what it computes."""
