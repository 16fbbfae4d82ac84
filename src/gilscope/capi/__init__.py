"""The kernels as C extensions: one module a kernel, over the pure C core in ext/core."""
