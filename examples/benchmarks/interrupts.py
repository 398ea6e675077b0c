"""Ctrl-C at random moments, and at each line: does a call hang, or leave anything behind?

Each kind of call is interrupted so many times. Every interrupt must end its call; a line tells how
many did, how many generators were left half fitted, how many threads there are then beside the main
one, and whether the generator still scores as before. Then `fit` and `partial_fit` are interrupted
at every line of the package that runs in the main thread, where it runs first and where it runs
last; torch and BLAS must have their threads afterwards.
"""

import faulthandler
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import torch
from _common import parse_arguments, print_machine
from threadpoolctl import threadpool_info

import sknamegen
from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names

FITTED = {"alphabet_", "classes_", "nets_", "n_iter_", "loss_curve_", "_fitted"}
MOST_SECONDS = 0.03  # from the beginning of a call to its interrupt


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    n_interrupts = 15 if arguments.quick else 2000
    names, labels = load_names(return_X_y=True)
    windows, labels = CharSequenceVectorizer().fit_transform(names[::20]), labels[::20]
    few, few_labels = windows[::2], labels[::2]
    settings = {"hidden_size": 12, "max_epochs": 1, "random_state": 0}
    generator = CharLSTMGenerator(**settings).fit(windows, labels)
    fitting, learning = CharLSTMGenerator(**settings), CharLSTMGenerator(**settings)
    large = CharLSTMGenerator(hidden_size=240, init=None)
    expected = generator.score(windows)
    calls = {
        "fit": lambda: fitting.fit(few, few_labels),
        "fit, networks of 240 units": lambda: large.fit(windows, labels),
        "partial_fit": lambda: learning.partial_fit(few, few_labels),
        "sample": lambda: generator.sample(n_samples=400),
        "sample, constrained": lambda: generator.sample(
            n_samples=50, pattern=".*x.*", min_length=8
        ),
        "score": lambda: generator.score(windows),
        "most_likely": lambda: generator.most_likely(5, max_length=5),
    }
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have ignored
    rng = random.Random(0)
    for title, call in calls.items():
        call()
        n_ended = n_half = 0
        started = time.perf_counter()
        for _ in range(n_interrupts):
            delay, n_late = rng.uniform(0.0005, MOST_SECONDS), 0
            timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                while n_late < 100:
                    call()
                    n_late += not timer.is_alive()
            except KeyboardInterrupt:
                n_ended += 1
            timer.join()
            found = [FITTED & vars(each).keys() for each in (fitting, learning, large)]
            n_half += any(attributes and attributes != FITTED for attributes in found)
        print(
            f"{title}: {n_ended:,} of {n_interrupts:,} ended, {n_half} half fitted, "
            f"{threading.active_count() - 1} threads left, "
            f"same score: {generator.score(windows) == expected} "
            f"({time.perf_counter() - started:.0f} s)",
            flush=True,
        )
    for title in ("fit", "partial_fit"):
        interrupt_lines(title, calls[title], 5 if arguments.quick else None)


def interrupt_lines(title, call, n_most):
    """Interrupt a call at each of its lines, and print what was left."""
    before, lines = n_threads(), traced(call)
    first, last = (
        {line: i for i, line in pairs}
        for pairs in (reversed([*enumerate(lines)]), enumerate(lines))
    )
    numbers = sorted({*first.values(), *last.values()})
    n_wrong = 0
    for number in numbers[:: -(-len(numbers) // n_most) if n_most else 1]:
        faulthandler.dump_traceback_later(60, exit=True)  # what hangs says where
        traced(call, number)
        n_wrong += n_threads() != before
        faulthandler.cancel_dump_traceback_later()
    call()
    print(
        f"{title}, at {len(first):,} lines: {n_wrong} times other numbers of threads",
        flush=True,
    )


def traced(call, number=None):
    """Run a call, with Ctrl-C at a line of the package; return the lines of this thread."""
    package, lines = str(Path(sknamegen.__file__).parent), []

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(package):
            return None
        if event == "line":
            lines.append((frame.f_code.co_filename, frame.f_lineno))
            if len(lines) - 1 == number:
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return lines


def n_threads():
    """Return how many threads torch and BLAS compute with, also in other threads; how many run."""
    found = [torch.get_num_threads()]
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    blas = [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]
    return found + blas + [threading.active_count()]


if __name__ == "__main__":
    main()
