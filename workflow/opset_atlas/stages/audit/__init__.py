"""Whether onnx's version converter is right: each right file, one opset up and down."""
