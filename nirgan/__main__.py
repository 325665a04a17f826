"""``python -m nirgan``: the command line from a checkout that is not installed."""

from nirgan.cli.app import main

if __name__ == "__main__":
    main()
