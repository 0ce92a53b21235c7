import os

if "WGANLIB_WARM" in os.environ:
    from wganlib.warm import hand_over

    hand_over()

from wganlib.cli import main

main()
