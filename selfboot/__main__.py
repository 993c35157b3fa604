"""``python -m selfboot`` is the command line."""

import sys

from selfboot.cli import main

sys.exit(main())
