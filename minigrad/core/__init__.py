"""The core: tensors, the graph and its walk, the table of operations. It knows NumPy and itself."""
