"""`python -m drsn.agent.tools.web` is `drsn-web`."""

import sys

from drsn.agent.tools.web.command import main

sys.exit(main())
