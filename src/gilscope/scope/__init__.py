"""The scope: seeing who holds the GIL."""

from gilscope.scope.oracle import gil_enabled, releases

__all__ = ["gil_enabled", "releases"]
