"""What runs inside Cython: a child process that compiles one source and writes down what its own tree says.

facts.py    what the child answers, as types
names.py    the functions as they are written, with their class, from the tree that the parser gives
walk.py     loops, regions, takes, releases and calls, from the tree after all of Cython's analysis
endings.py  which branches run only on the way to an error, or leave their loop
c_code.py   uses of Python in the generated C, by the position that Cython's writer keeps for each line of C
__main__.py the child itself

Nothing here imports more of gilscope than the start of a child, so that a child costs little beside Cython.
"""
