"""The Python half of moegen: one long-lived process that validates and compiles kernels.

Nothing here imports JAX at module level: `hello` must be quick, and the environment variables that
decide how many devices are simulated and what the compiler dumps must stand before JAX loads.
"""

PROTOCOL = 1
