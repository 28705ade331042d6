"""Run a script in which all networks are trained for a few epochs at most.

    python brief_training.py SCRIPT
"""

import runpy
import sys
from dataclasses import replace

from sklstm.engine.program import Program

MAX_EPOCHS = 2

train = Program.train


def train_briefly(program, data, samples, start, settings, **kwargs):
    settings = replace(settings, epochs=min(settings.epochs, MAX_EPOCHS))
    return train(program, data, samples, start, settings, **kwargs)


Program.train = train_briefly
script = sys.argv[1]
sys.argv = [script]
runpy.run_path(script, run_name="__main__")
