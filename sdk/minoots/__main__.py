"""``python -m minoots`` is the command line."""

from minoots.cli import main

main()
