"""The program `tranchain`, and `python -m client`."""

import gc

gc.disable()  # imports make many objects and no garbage: looking for some is a tenth of a short command's time

from client.cli.app import main  # noqa: E402 - the line above is for what this one does

__all__ = ["main"]

if __name__ == "__main__":
    main()
