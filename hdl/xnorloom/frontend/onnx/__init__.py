"""ONNX and QONNX models."""
