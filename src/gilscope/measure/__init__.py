"""Measuring: calibrate, interleave, bracket with plain C threads, keep raw values."""
