"""Operations of the worker."""
