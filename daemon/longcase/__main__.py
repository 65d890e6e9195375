"""The command `longcase`, also as `python -m longcase`."""

from longcase.cli.main import main

if __name__ == "__main__":
    main()
