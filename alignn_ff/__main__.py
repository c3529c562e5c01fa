"""``python -m alignn_ff`` is the command line ``alignn-ff``."""

from alignn_ff.cli import main

if __name__ == "__main__":
    main()
