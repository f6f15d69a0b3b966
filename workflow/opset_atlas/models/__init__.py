"""What the user gives: a module or an ONNX file, its inputs, and what it computes."""
