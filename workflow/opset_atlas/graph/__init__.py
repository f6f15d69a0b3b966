"""An ONNX file as records, and these as text and picture."""
