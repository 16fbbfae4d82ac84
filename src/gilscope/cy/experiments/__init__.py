"""Loops in Cython that only experiments need; compiled from ext/cy/experiments."""
