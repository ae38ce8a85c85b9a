"""`python -m numpy_bridge` is the `numpy-bridge` command."""

from numpy_bridge.cli import main

if __name__ == "__main__":
    main()
