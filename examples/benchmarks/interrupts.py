"""Does Ctrl-C, at random moments or at any line, make a call hang or leave threads running?

The script first interrupts each type of call at random moments. It prints how many calls ended, how
many generators were half-fitted, how many threads remained after a second in addition to the main
thread, and whether the score is unchanged. Every interrupt must end its call.

The script then interrupts `fit` and `partial_fit` at every line of the package that runs in the
main thread, on its first and its last execution. The numbers of torch and BLAS threads must not
change.
"""

import dis
import faulthandler
import gc
import linecache
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
MAX_DELAY = 0.03  # seconds from the start of a call to its interrupt


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    n_interrupts = 5 if arguments.quick else 2000
    names, labels = load_names(return_X_y=True)
    windows, labels = CharSequenceVectorizer().fit_transform(names[::20]), labels[::20]
    few, few_labels = windows[::2], labels[::2]
    settings = {"hidden_size": 12, "max_epochs": 1, "random_state": 0}
    generator = CharLSTMGenerator(**settings).fit(windows, labels)
    small, incremental = CharLSTMGenerator(**settings), CharLSTMGenerator(**settings)
    large = CharLSTMGenerator(hidden_size=240, init=None)
    expected = generator.score(windows)
    calls = {
        "fit": lambda: small.fit(few, few_labels),
        "fit, networks of 240 units": lambda: large.fit(windows, labels),
        "partial_fit": lambda: incremental.partial_fit(few, few_labels),
        "sample": lambda: generator.sample(n_samples=400),
        "sample, constrained": lambda: generator.sample(
            n_samples=50, pattern=".*x.*", min_length=8
        ),
        "score": lambda: generator.score(windows),
        "most_likely": lambda: generator.most_likely(5, max_length=5),
    }
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore SIGINT
    rng = random.Random(0)
    for title, call in calls.items():
        call()
        n_ended = n_half = 0
        start = time.perf_counter()
        for _ in range(n_interrupts):
            delay, n_late = rng.uniform(0.0005, MAX_DELAY), 0
            timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                while n_late < 100:
                    call()
                    n_late += not timer.is_alive()
            except KeyboardInterrupt:
                n_ended += 1
            except TypeError as error:  # numpy may turn an interrupt into this error
                if "Cannot compare structured arrays" not in str(error):
                    raise
                n_ended += 1
            timer.join()
            models = small, incremental, large
            fitted = [FITTED & vars(model).keys() for model in models]
            n_half += any(attributes and attributes != FITTED for attributes in fitted)
        duration = time.perf_counter() - start
        wait_for_threads()
        print(
            f"{title}: {n_ended:,} of {n_interrupts:,} calls ended, {n_half} half-fitted, "
            f"{n_threads() - 1} threads left, "
            f"same score: {generator.score(windows) == expected} "
            f"({duration:.0f} s)",
            flush=True,
        )
    for title in ("fit", "partial_fit"):
        interrupt_lines(title, calls[title], 3 if arguments.quick else None)


def interrupt_lines(title, call, max_lines):
    """Interrupt a call at each of its lines, and print how often the thread counts changed."""
    before, lines = thread_counts(), trace_call(call)
    first, last = (
        {line: i for i, line in pairs}
        for pairs in (reversed([*enumerate(lines)]), enumerate(lines))
    )
    numbers = sorted({*first.values(), *last.values()})
    n_changes = 0
    for number in numbers[:: -(-len(numbers) // max_lines) if max_lines else 1]:
        faulthandler.dump_traceback_later(60, exit=True)  # a call that hangs prints its traceback
        trace_call(call, number)
        wait_for_threads()
        n_changes += thread_counts() != before
        faulthandler.cancel_dump_traceback_later()
    call()
    print(
        f"{title}, at {len(first):,} lines: thread counts changed {n_changes} times",
        flush=True,
    )


def trace_call(call, number=None):
    """Run a call, interrupt it at a line of the package, and return the executed lines."""
    package, lines = str(Path(sknamegen.__file__).parent), []

    def trace(frame, event, argument):
        if not frame.f_code.co_filename.startswith(package):
            return None
        if event == "line" and handles_signals(frame):
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


def handles_signals(frame):
    """Whether Python may handle a signal where a frame is.

    It does not at `try:`, and not at the end of a `with` block, before the manager's `__exit__`. An
    error raised by a trace function there would leave a lock locked, or a setting changed.
    """
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
    instruction = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    is_exit = line.startswith("with ") and instruction == "LOAD_CONST"
    return instruction != "NOP" and not is_exit


def wait_for_threads():
    """Wait up to a second for other threads to end.

    An idle thread of an interrupted pool ends when the pool is collected.
    """
    deadline = time.monotonic() + 1
    while n_threads() > 1 and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)


def n_threads():
    """Return the number of threads.

    An interrupt inside `Thread.start` leaves a thread that never started in Python's list.
    """
    return sum(thread.ident is not None for thread in threading.enumerate())


def thread_counts():
    """Return the thread counts of torch (here and in a new thread), BLAS and Python."""
    counts = [torch.get_num_threads()]
    thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    blas = [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]
    return counts + blas + [n_threads()]


if __name__ == "__main__":
    main()
