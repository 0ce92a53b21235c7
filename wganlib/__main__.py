from wganlib.cli import main

main()
