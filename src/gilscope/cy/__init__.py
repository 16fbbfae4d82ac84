"""The kernels in Cython: one module a kernel, its loops written apart from the C core."""
