"""Probes: one function under the scope, by one caller and by several at once; and the atlas of well-known functions."""
