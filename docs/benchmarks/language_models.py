"""Regularisation and subwords of language models: held-out loss by size of the text.

    python docs/benchmarks/language_models.py --data FOLDER \
        [--text small medium large] [--token char word bpe] [--set NAME=VALUE ...]

Texts: the first 100,000 characters of Tiny Shakespeare ("small"), the first 90 % of it,
which are its training part ("medium"), and up to 5.5 million characters of docstrings
of installed packages ("large"). The last tenth of each is held out: of Tiny Shakespeare
itself, this is not the part that tinyshakespeare.py tests with. Prints the loss of the
held-out text per token and in bits per character, and that of training in its last
epoch. ``--set`` changes parameters, as Python values; all others are the defaults.
Unknown characters and words are one token; words that occur once are unknown.
"""

import argparse
import ast
import importlib.util
import os
import time
from pathlib import Path

from sklstm import CharLSTMGenerator, WordLSTMGenerator, engine

PACKAGES = ("numpy", "scipy", "sklearn", "pandas", "keras", "sktime", "matplotlib")
LARGE = 5_500_000


def read_docstrings(packages=PACKAGES):
    """Return the docstrings of packages, each once, in the order of the files."""
    found = {}
    for package in packages:
        root = Path(importlib.util.find_spec(package).origin).parent
        for path in sorted(root.rglob("*.py")):
            if "test" in str(path.relative_to(root)):
                continue
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    text = ast.get_docstring(node)
                    if text and text.isascii():
                        found[text] = None
    return "\n\n".join(found)


def read_text(name, folder):
    """Return one of the three texts."""
    if name == "large":
        return read_docstrings()[:LARGE]
    text = (Path(folder) / "text" / "tinyshakespeare.txt").read_text()
    training_part = text[: len(text) - round(0.1 * (len(text) + 1))]
    return training_part[:100_000] if name == "small" else training_part


def make_model(token, parameters):
    """Return a generator, with defaults for all parameters that are not given."""
    if token == "char":
        model = CharLSTMGenerator(handle_unknown="unk")
    elif token == "word":
        model = WordLSTMGenerator(handle_unknown="unk", min_count=2)
    else:
        model = WordLSTMGenerator(token="bpe")
    return model.set_params(**{"random_state": 0} | parameters)


def report(model, text):
    cut = round(0.9 * len(text))
    begin = time.perf_counter()
    model.fit(text[:cut])
    seconds = time.perf_counter() - begin
    loss = -model.score(text[cut:])
    print(
        f"  held-out loss {loss:.4f} nats per token, "
        f"{model.bits_per_char(text[cut:]):.4f} bits per character; "
        f"training loss {model.history_['loss'][-1]:.4f}; "
        f"{len(model.vocabulary_)} tokens, {model.n_iter_} epochs, {seconds:.0f} s"
    )


def parse_parameter(text):
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    texts, tokens = ["small", "medium", "large"], ["char", "word", "bpe"]
    parser.add_argument("--text", nargs="+", choices=texts, default=texts)
    parser.add_argument("--token", nargs="+", choices=tokens, default=tokens)
    parser.add_argument("--characters", type=int, help="number of characters to use")
    parser.add_argument(
        "--set", nargs="+", type=parse_parameter, default=[], metavar="NAME=VALUE"
    )
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
    engine.prepare_keras()  # loads TensorFlow before the time is measured
    for name in options.text:
        text = read_text(name, options.data)[: options.characters]
        for token in options.token:
            print(f"{name} ({len(text):,} characters), {token}, {dict(options.set)}")
            report(make_model(token, dict(options.set)), text)


if __name__ == "__main__":
    main()
