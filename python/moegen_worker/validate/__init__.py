"""Whether a kernel's numbers are right: cases, inputs, references, errors allowed, the verdict."""
