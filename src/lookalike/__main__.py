"""Runs the command line: python -m lookalike."""

from .doors.cli import main

if __name__ == "__main__":
    main()
