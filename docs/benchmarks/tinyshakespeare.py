"""Tiny Shakespeare, character by character: held-out loss within a few minutes.

    python docs/benchmarks/tinyshakespeare.py --data FOLDER [--minutes 3 10]

Trains on the first 90 % of the text and holds out the last 10 %. Prints the parameters,
the held-out loss after each epoch (nats per character, over 64 parallel streams that
start at different places of the text), and the loss of the held-out text processed as
one document: by the network as it was fitted, with dynamic evaluation, with a neural
cache, and with both, whose parameters are the defaults. Seconds are those of `fit`,
with compilation and evaluation but without imports.
"""

import argparse
import os
import time
from pathlib import Path

from sklstm import CharLSTMGenerator, engine

# Minutes on two cores: parameters.
PARAMETERS = {
    3: {"units": 256, "dropout": 0.1, "learning_rate": 4e-3, "epochs": 14},
    10: {"units": 512, "dropout": 0.5, "learning_rate": 3e-3, "epochs": 15},
}
ADAPTATIONS = {
    "dynamic evaluation": {"dynamic": True},
    "a neural cache": {"cache": True},
    "both": {"dynamic": True, "cache": True},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    choices = list(PARAMETERS)
    parser.add_argument(
        "--minutes", type=int, nargs="+", choices=choices, default=choices
    )
    parser.add_argument("--characters", type=int, help="number of characters to use")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
    path = Path(options.data) / "text" / "tinyshakespeare.txt"
    text = path.read_text()[: options.characters]
    engine.prepare_keras()  # loads TensorFlow before the time is measured
    for minutes in options.minutes:
        report(minutes, text)


def report(minutes, text):
    parameters = PARAMETERS[minutes]
    print(f"Within {minutes} minutes: {parameters}")
    # With this patience, training never stops early; the best weights are restored.
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
    print("  held-out loss by epoch: " + " ".join(f"{loss:.3f}" for loss in losses))
    held_out = text[-round(0.1 * (len(text) + 1)) :]
    print(f"  held-out loss, last epoch {losses[-1]:.4f}, best {min(losses):.4f}")
    loss = -model.score(held_out)
    print(f"  held-out loss as one document {loss:.4f} nats per character")
    for name, options in ADAPTATIONS.items():
        begin = time.perf_counter()
        adapted = -model.score(held_out, **options)
        elapsed = time.perf_counter() - begin
        print(f"    with {name} {adapted:.4f} ({elapsed:.0f} s)")
    speed = model.n_iter_ * (len(text) - len(held_out)) / seconds
    print(f"  {seconds:.0f} s, {speed:,.0f} characters per second")


if __name__ == "__main__":
    main()
