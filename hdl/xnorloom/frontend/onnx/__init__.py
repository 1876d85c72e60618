"""Frontend for ONNX and QONNX models."""
