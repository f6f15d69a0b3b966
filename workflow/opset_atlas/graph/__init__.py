"""An ONNX file as records, and the records as text."""
