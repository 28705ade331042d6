"""Run a script in which all networks are trained for two epochs at most.

python brief_training.py SCRIPT
"""

import runpy
import sys
from dataclasses import replace

from sklstm.engine.program import Program

MAX_EPOCHS = 2


def shorten_training():
    train = Program.train

    def train_briefly(program, data, samples, start, settings, **kwargs):
        settings = replace(settings, epochs=min(settings.epochs, MAX_EPOCHS))
        return train(program, data, samples, start, settings, **kwargs)

    Program.train = train_briefly


# Not when imported: pytest looks for doctests here.
if __name__ == "__main__":
    shorten_training()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
