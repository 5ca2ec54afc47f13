"""`python -m incm_webhook` is `incm-webhook`."""

import sys

from incm_webhook.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
