"""Facts about ONNX files, their tensors, and parts cut out of them."""
