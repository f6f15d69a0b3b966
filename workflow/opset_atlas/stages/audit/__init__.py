"""Audit onnx's version converter: convert each right file one opset up and down."""
