"""Runs the command line: python -m lookalike."""

from .doors.cli.program import main

if __name__ == "__main__":
    main()
