"""How well and how fast is running text learned, scored and written?

    python examples/benchmarks/text.py [FILE ...] [--quick]

For each file, the first nine tenths of its characters are the training text, and the last tenth is
held out. Short training texts are cut from the middle of it. By default, the text is the source
code of Python's standard library. The second table compares the notebook's settings with the
notebook's recipe in Keras, if Keras is installed: pip install -e '.[bench]'.
"""

import argparse
import os
import statistics
import sysconfig
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _common import print_machine, print_row, seconds, split_names
from fit import keras_recipe
from quality import NOTEBOOK, notebook

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

SIZES = [4_400, 30_000, 200_000, None]  # None: all of it
QUICK_SETTINGS = {"hidden_size": 128, "max_epochs": 1}
MODELS = {"default": {}, "quick settings": QUICK_SETTINGS, "n-grams": None}


def read_texts(paths):
    """Return the text of each file, or source code without a file."""
    if paths:
        return {Path(path).stem: Path(path).read_text("utf-8") for path in paths}
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    text = "".join(file.read_text("utf-8", errors="ignore") for file in files)
    return {"source code": text.encode("ascii", "ignore").decode()[:1_200_000]}


def measure(text, size, params):
    """Return the figures of a model: losses, seconds, and memory in MB."""
    end = 9 * len(text) // 10
    size = min(size or end, end)
    start = (end - size) // 2
    vectorizer = CharSequenceVectorizer(boundary=False)
    generator = CharNGramGenerator(order=7)
    if params is not None:
        generator = CharLSTMGenerator(random_state=0, **params)
        import torch  # noqa: F401  # not part of the time

        import sknamegen._training.run  # noqa: F401
    windows = vectorizer.fit_transform([text[start : start + size]])
    begin, begin_cpu = perf_counter(), process_time()
    generator.fit(windows)
    wall, cpu = perf_counter() - begin, process_time() - begin_cpu
    held_out = vectorizer.transform([text[end : end + 100_000]])
    begin = perf_counter()
    loss = -generator.score(held_out)
    scoring = (perf_counter() - begin) * 100_000 / held_out.shape[1]
    options = {"temperature": 0.8, "max_length": 2000, "random_state": 0}
    writing = statistics.median(seconds(lambda: generator.sample(**options)) for _ in range(3))
    return size, loss, wall, cpu, scoring, writing, peak_memory()


def peak_memory():
    """Return the largest size of this process so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    parser.add_argument("--quick", action="store_true", help="smoke test with meaningless figures")
    arguments = parser.parse_args()
    print_machine("keras", "tensorflow_cpu")
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
