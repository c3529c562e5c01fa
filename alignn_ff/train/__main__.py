"""The command ``alignn-ff train`` as torchrun starts it: ``torchrun … -m alignn_ff.train config.json``."""

import sys

from alignn_ff.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
