"""``python -m selfboot`` is the command line."""

import sys

from selfboot.cli.main import main

sys.exit(main())
