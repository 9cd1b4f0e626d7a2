"""``python -m bc260y_aio``: the command line."""

import sys

from .cli import main

sys.exit(main())
