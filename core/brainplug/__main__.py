"""`python -m brainplug`."""

import sys

from brainplug.cli.main import start

if __name__ == "__main__":
    sys.exit(start())
