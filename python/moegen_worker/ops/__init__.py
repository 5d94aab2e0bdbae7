"""Operations of the worker, one file each, and their registry."""
