"""gilscope: when my code runs, who holds the GIL, and what does that cost?"""

__version__ = "0.1.0"
