"""Ctrl-C at random moments: does a call hang, leave a thread behind or a generator half fitted?

Each kind of call is interrupted so many times. Every interrupt must end its call; a line tells how
many did, how many generators were left half fitted, how many threads there are then beside the main
one, and whether the generator still scores as before.
"""

import os
import random
import signal
import threading
import time

from _common import parse_arguments, print_machine

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
    expected = generator.score(windows)
    calls = {
        "fit": lambda: fitting.fit(few, few_labels),
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
            found = [FITTED & vars(each).keys() for each in (fitting, learning)]
            n_half += any(attributes and attributes != FITTED for attributes in found)
        print(
            f"{title}: {n_ended:,} of {n_interrupts:,} ended, {n_half} half fitted, "
            f"{threading.active_count() - 1} threads left, "
            f"same score: {generator.score(windows) == expected} "
            f"({time.perf_counter() - started:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
