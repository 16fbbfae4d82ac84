"""The kernel montecarlo as an expert in Numba writes it: words of 32 bits in 64-bit variables, no branch in the loop
over the blocks, so that LLVM computes several blocks in one vector."""

RIVALS = {}

try:
    from numba import njit, uint64
except ImportError:
    pass
else:
    LOW, HALF, ONE = uint64(0xFFFFFFFF), uint64(32), uint64(1)

    @njit(nogil=True, inline="always")
    def misses(block, key0, key1):
        """1 for a miss, 0 for a hit: the even and the odd sample of the block."""
        a, b, c, d = block & LOW, block >> HALF, uint64(0), uint64(0)
        for _ in range(10):
            product0, product1 = a * uint64(0xD2511F53), c * uint64(0xCD9E8D57)
            a, b = (product1 >> HALF) ^ b ^ key0, product1 & LOW
            c, d = (product0 >> HALF) ^ d ^ key1, product0 & LOW
            key0, key1 = (key0 + uint64(0x9E3779B9)) & LOW, (key1 + uint64(0xBB67AE85)) & LOW
        a, b, c, d = a >> ONE, b >> ONE, c >> ONE, d >> ONE
        return (a * a + b * b) >> uint64(62), (c * c + d * d) >> uint64(62)

    @njit(nogil=True)
    def missed_in(first, last, key0, key1):
        """Misses among the samples of the blocks first <= block < last."""
        missed = uint64(0)
        for block in range(first, last):
            even, odd = misses(uint64(block), key0, key1)
            missed += even
            missed += odd
        return missed

    @njit(nogil=True)
    def montecarlo(samples, seed, first=0):
        key0, key1, last = uint64(seed) & LOW, uint64(seed) >> HALF, first + samples
        begin, end = (first + 1) // 2, last // 2  # the blocks of which both samples are wanted
        missed = uint64(0)
        if first % 2 == 1 and samples > 0:
            missed += misses(uint64(first // 2), key0, key1)[1]
        if last % 2 == 1 and begin <= end:
            missed += misses(uint64(end), key0, key1)[0]
        if begin < end:
            missed += missed_in(begin, end, key0, key1)
        return samples - int(missed)

    RIVALS["numba"] = montecarlo
