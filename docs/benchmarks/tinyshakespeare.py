"""Tiny Shakespeare, character by character: how well, within minutes.

    python docs/benchmarks/tinyshakespeare.py --data FOLDER [--minutes 3 10]

The first 90 % of the text are learnt, the last 10 % held out. Printed are the
parameters, the held-out loss of each epoch (nats a character, read by 64 streams that
each begin in the middle of the text), and the score of the held-out text read as one
document. Seconds are those of `fit`: compilation and evaluations included, imports not.
"""

import argparse
import os
import time
from pathlib import Path

from sklstm import CharLSTMGenerator, engine

# Which parameters, for how many minutes on two cores.
PARAMETERS = {
    3: {"units": 256, "dropout": 0.1, "learning_rate": 4e-3, "epochs": 14},
    10: {"units": 512, "dropout": 0.5, "learning_rate": 3e-3, "epochs": 15},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    choices = list(PARAMETERS)
    parser.add_argument(
        "--minutes", type=int, nargs="+", choices=choices, default=choices
    )
    parser.add_argument("--characters", type=int, help="of the text, for a short try")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
    path = Path(options.data) / "text" / "tinyshakespeare.txt"
    text = path.read_text()[: options.characters]
    _ = engine.borrow_program  # the imports
    for minutes in options.minutes:
        report(minutes, text)


def report(minutes, text):
    parameters = PARAMETERS[minutes]
    print(f"Within {minutes} minutes: {parameters}")
    # A patience that never ends: no epoch is left out. The best one's weights are kept.
    model = CharLSTMGenerator(
        **parameters,
        early_stopping=True,
        validation_split=0.1,
        patience=parameters["epochs"],
        random_state=0,
    )
    begin = time.perf_counter()
    model.fit(text)
    seconds = time.perf_counter() - begin
    losses = model.history_["val_loss"]
    print("  held out, by epoch: " + " ".join(f"{loss:.3f}" for loss in losses))
    held_out = text[-round(0.1 * (len(text) + 1)) :]
    print(f"  held out, last epoch {losses[-1]:.4f}, best {min(losses):.4f}")
    print(f"  held out, as one document {-model.score(held_out):.4f} nats a character")
    speed = model.n_iter_ * (len(text) - len(held_out)) / seconds
    print(f"  {seconds:.0f} s, {speed:,.0f} characters a second")


if __name__ == "__main__":
    main()
