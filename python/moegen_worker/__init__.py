"""The Python half of moegen: one long-lived process that validates and compiles kernels.

Rooms, each a folder; a room imports from those above it, never from those below:

- `wire`: messages, refusals and signs of life between the runner and the worker
- `package`: a generated package, and the layer, weights and arguments it is given
- `compiler`: the real TPU compiler, without a TPU
- `simulate`: simulated devices
- `validate`: whether a kernel's numbers are right
- `device`: times on real devices
- `mutants`: kernels with one fault each
- `codemod`: edits to Python files of a target tree
- `ops`: the operations that the runner asks for, and their registry
- `cluster`: workers on the nodes of a Ray cluster, for a runner that is elsewhere

`server` and `__main__` are the process itself, above no room and below all.

Nothing here imports JAX at module level: `hello` must be quick, and the environment variables that
decide how many devices are simulated and what the compiler dumps must stand before JAX loads.
"""
