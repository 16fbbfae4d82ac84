"""Measuring: calibrate, interleave, bracket by the ceiling, keep the raw values, compute later."""
