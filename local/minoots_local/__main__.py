"""`python -m minoots_local`: the same as `minoots local`."""

from minoots_local.cli import app

if __name__ == "__main__":
    app()
