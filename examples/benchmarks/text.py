"""How well and how fast is running text learned, scored and written?

    python examples/benchmarks/text.py [FILE ...] [--ablation] [--quick]

For each file, the first nine tenths of its characters are the training text, and the last tenth is
held out. Short training texts are cut from the middle of it. By default, the text is the source
code of Python's standard library. The second table compares the notebook's settings with the
notebook's recipe in Keras, if Keras is installed: pip install -e '.[bench]'.

With --ablation, the script changes one of the default settings at a time instead, and prints the
mean change of the held-out loss over the files.
"""

import argparse
import os
import statistics
import sysconfig
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _common import print_machine, print_row, seconds, split_names
from _text import measure
from fit import keras_recipe
from quality import notebook

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names
from sknamegen._training.recipe import auto_values

SIZES = [4_400, 30_000, 200_000, None]  # None: all of it
QUICK_SETTINGS = {"hidden_size": 128, "max_epochs": 1}
MODELS = {"default": {}, "quick settings": QUICK_SETTINGS, "n-grams": None}
# Changes of the default settings. The window length is that of the vectorizer.
CHANGES = {
    "default": {},
    "dropout 0.2": {"dropout": 0.2},
    "twice the learning rate": {"lr": lambda lr: 2 * lr},
    "half of it": {"lr": lambda lr: lr / 2},
    "weight_decay=0": {"weight_decay": 0},
    "twice the rows": {"batch_size": lambda n: 2 * n},
    "half of them": {"batch_size": lambda n: max(1, n // 2)},
    "window_length=16": {"window_length": 16},
    "window_length=64": {"window_length": 64},
    "max_epochs=2": {"max_epochs": 2},
    "max_epochs=5": {"max_epochs": 5},
    "num_networks=2": {"num_networks": 2},
    "random weights, 256 units": {"init": None},
    "random weights, 128 units": {"init": None, "hidden_size": 128},
    "without n-grams": {"ngram_counts": False},
}


def read_texts(paths):
    """Return the text of each file, or source code without a file."""
    if paths:
        return {Path(path).stem: Path(path).read_text("utf-8") for path in paths}
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    text = "".join(file.read_text("utf-8", errors="ignore") for file in files)
    return {"source code": text.encode("ascii", "ignore").decode()[:1_200_000]}


def held_out_loss(text, size, change):
    """Return the held-out loss with changed settings."""
    end = 9 * len(text) // 10
    size = min(size or end, end)
    start, change = (end - size) // 2, dict(change)
    vectorizer = CharSequenceVectorizer(
        boundary=False, window_length=change.pop("window_length", 32)
    )
    learned = vectorizer.fit_transform([text[start : start + size]])
    flags = dict.fromkeys(["is_from_scratch", "has_similar", "has_new_labels"], False)
    auto = auto_values(size, is_text=True, is_adamw=True, starts_from_init=True, **flags)
    for name, value in change.items():
        if callable(value):  # a function of the default
            change[name] = value(auto[name])
    generator = CharLSTMGenerator(random_state=0, **change).fit(learned)
    held_out = text[end - vectorizer.window_length : end + 20_000]
    return -generator.score(vectorizer.transform([held_out]))


def print_ablation(texts, sizes, changes):
    """Print the mean change of the held-out loss over texts, for each change of the settings."""
    print_row("change of the held-out loss, nats/char", *(f"{size:,}" for size in sizes))
    print_row(*["---"] * (1 + len(sizes)))
    losses = {}
    for title, change in changes.items():
        for size in sizes:
            losses[title, size] = [held_out_loss(text, size, change) for text in texts]
        cells = []
        for size in sizes:
            before, after = losses["default", size], losses[title, size]
            differences = [b - a for a, b in zip(before, after, strict=True)]
            error = statistics.stdev(differences) / len(texts) ** 0.5 if len(texts) > 1 else 0
            mean = statistics.mean(differences if change else before)
            cells.append(f"{mean:+.3f} ± {error:.3f}" if change else f"{mean:.3f}")
        print_row(title, *cells)


def compare_with_keras(quick):
    """Print the figures of the notebook's settings, for three orders of the names."""
    print_row("female names as text, 8 epochs", "held out, nats/char", "seconds")
    print_row(*["---"] * 3)
    rows = {"sknamegen": [], "Keras": []}
    n_epochs = 1 if quick else 8
    for seed in range(1 if quick else 3):
        train, test = split_names(load_names("female"), quick, seed=seed)
        losses = []
        duration = seconds(lambda: losses.append(notebook(n_epochs)(train, test, seed)))  # noqa: B023
        rows["sknamegen"].append((losses[0], duration))
        try:
            *_, (duration, loss) = keras_recipe(train, test, n_epochs)
            rows["Keras"].append((loss, duration))
        except ImportError:
            print("Keras is not installed: pip install -e '.[bench]'")
    for name, figures in rows.items():
        for loss, duration in figures:
            print_row(name, f"{loss:.3f}", f"{duration:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="text in UTF-8")
    parser.add_argument("--ablation", action="store_true", help="change one setting at a time")
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    arguments = parser.parse_args()
    print_machine("keras", "tensorflow_cpu")
    if arguments.ablation:
        texts = list(read_texts(arguments.files).values())
        names = ["default", "without n-grams"] if arguments.quick else CHANGES
        sizes = [1000] if arguments.quick else SIZES[:2]
        print_ablation(texts, sizes, {name: CHANGES[name] for name in names})
        return
    columns = "nats/char held out", "fit, s", "processor, s", "score 100 KB, s", "write 2,000, s"
    print_row("text", "characters", "model", *columns, "memory, MB")
    print_row(*["---"] * 9)
    for title, text in read_texts(arguments.files).items():
        for size in [2000] if arguments.quick else SIZES:
            for model, params in MODELS.items():
                # A new process for each model shows its memory.
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    n, loss, *times, memory = pool.submit(measure, text, size, params).result()
                times = [f"{duration:.2f}" for duration in times]
                print_row(title, f"{n:,}", model, f"{loss:.3f}", *times, f"{memory:.0f}")
    print()
    compare_with_keras(arguments.quick)


if __name__ == "__main__":
    main()
