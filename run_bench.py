"""ConvGauge's command line. Each command is in `commands/`.

Nothing else stands here: Python compiles the file that it is started with anew each time.
"""

import sys

if __name__ == "__main__":
    from convgauge import main
else:
    from commands._main import main

if __name__ == "__main__":
    sys.exit(main())
