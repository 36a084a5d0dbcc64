"""`python -m planning` is the command `patrol`."""

from planning.cli import main

if __name__ == "__main__":
    main()
