"""The kernel primes as an expert in Numba writes it: odd numbers only, a byte each, in segments that fit L2,
the smallest primes copied in as a pattern, the others struck in a plain loop that LLVM compiles well."""

import numpy as np

RIVALS = {}

SEGMENT = 128 << 10
PATTERN = 3 * 5 * 7 * 11 * 13

try:
    from numba import njit
except ImportError:
    pass
else:

    @njit(nogil=True)
    def strike(flags, first, prime):
        """Strikes every prime-th flag from `first` on and returns the first one after the end."""
        while first < flags.size:
            flags[first] = 0
            first += prime
        return first

    @njit(nogil=True)
    def sieve(low, high):
        root = int(np.sqrt(high))
        small = np.ones((root + 1) // 2, np.uint8)  # small[i] is the number 2i + 1, and so below
        for i in range(1, small.size):
            if small[i] and 2 * i * (i + 1) < small.size:
                strike(small, 2 * i * (i + 1), 2 * i + 1)
        base = 2 * np.flatnonzero(small)[1:] + 1
        base = base[base > 13]
        pattern = np.ones(PATTERN + SEGMENT, np.uint8)
        count = 0
        for prime in (2, 3, 5, 7, 11, 13):
            count += low <= prime < high
            if prime > 2:
                strike(pattern, prime // 2, prime)
        following = np.empty(base.size, np.int64)  # the flag to strike next, per base prime
        flags = np.empty(SEGMENT, np.uint8)
        active = 0
        for begin in range(low // 2, high // 2, SEGMENT):
            segment = flags[: min(SEGMENT, high // 2 - begin)]
            phase = begin % PATTERN
            segment[:] = pattern[phase : phase + segment.size]
            if begin == 0:
                segment[0] = 0  # 1 is no prime
            while active < base.size and base[active] * base[active] // 2 < begin + segment.size:
                prime = base[active]
                factor = max(prime, (2 * begin + prime) // prime | 1)
                following[active] = prime * factor // 2 - begin
                active += 1
            for i in range(active):
                following[i] = strike(segment, following[i], base[i]) - segment.size
            for flag in segment:
                count += flag
        return count

    RIVALS["numba"] = sieve
