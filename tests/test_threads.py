import ast
import subprocess
import sys

SCRIPT = """
import threading
import time

import torch

torch.set_num_threads(2)  # as a user may have done; it also binds the matrix library

from sknamegen import _threads
from sknamegen._threads import own_torch

seen = {}


def look(name):
    seen[name] = torch.get_num_threads()


def busy_cores():
    a = torch.rand(1500, 1500)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(10):
        a @ a
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def in_thread(name):
    thread = threading.Thread(target=look, args=(name,))
    thread.start()
    thread.join()


try:
    with own_torch():
        look("inside")
        in_thread("thread started inside")
        with own_torch():
            look("nested")
        look("inside again")
        assert busy_cores() < 1.2, "matrix products still use several threads"
        1 / 0
except ZeroDivisionError:
    look("after an error")
in_thread("thread started after")


def interrupt(**kwargs):
    raise KeyboardInterrupt


_threads.Thread = interrupt
try:
    with own_torch():
        pass
except KeyboardInterrupt:
    look("after Ctrl-C on the way in")
print(seen)
"""


def test_one_thread_here_and_nowhere_else():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == {
        "inside": 1,
        "thread started inside": 2,
        "nested": 1,
        "inside again": 1,
        "after an error": 2,
        "thread started after": 2,
        "after Ctrl-C on the way in": 2,
    }
