"""``python -m xnorloom``: the command line."""

import sys

from xnorloom_cli.main import main

sys.exit(main())
