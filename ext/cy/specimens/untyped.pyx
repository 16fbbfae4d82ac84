"""Python compiled as it is: every step works on Python objects, so the GIL is held from start to end."""


def total(values):
    result = 0.0
    for value in values:
        result += value * value / (1.0 + value)
    return result
