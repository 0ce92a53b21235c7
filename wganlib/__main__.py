import os
import sys

try:
    if "WGANLIB_WARM" in os.environ:
        from wganlib.warm import hand_over

        hand_over()

    from wganlib.cli import main

    main()
except KeyboardInterrupt:
    # Ctrl-C before the command line was there to say it.
    print("stopped; the same command begins again", file=sys.stderr)
    sys.exit(130)
