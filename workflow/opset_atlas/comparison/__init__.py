"""The steps of a model from opset to opset: differences joined with their causes."""
