"""What asks the real TPU compiler, without a TPU: its verdict, memory, bundles and issue slots."""
