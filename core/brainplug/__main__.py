"""`python -m brainplug`."""

import sys

from brainplug.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
