"""`python -m brainplug`."""

import sys

from brainplug.cli import main

if __name__ == "__main__":
    sys.exit(main())
