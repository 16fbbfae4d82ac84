"""The scope: sampler, ledger, oracle. It sees who holds the GIL, and knows nothing of kernels, pools or pages."""
