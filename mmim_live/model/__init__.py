"""The model: tensors and checkpoints. Knows no camera, no thread and no data set; torch is imported throughout."""
