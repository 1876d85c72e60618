"""``python -m xnorloom`` is the command line."""

import sys

from xnorloom_cli.main import main

sys.exit(main())
