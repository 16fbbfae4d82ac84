"""python -m gilscope: the command line."""

from gilscope.cli import main

main()
