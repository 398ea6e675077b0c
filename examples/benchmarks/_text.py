"""What `text.py` measures in a process of its own."""

import resource
import statistics
from time import perf_counter, process_time

from _common import seconds

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer


def measure(text, size, params):
    """Return the figures of a model: losses, seconds, and memory in MB."""
    end = 9 * len(text) // 10
    size = min(size or end, end)
    start = (end - size) // 2
    vectorizer = CharSequenceVectorizer(boundary=False)
    generator = CharNGramGenerator(order=7)
    if params is not None:
        generator = CharLSTMGenerator(random_state=0, **params)
        import sknamegen._training.run  # noqa: F401  # imports torch, which is not timed
    windows = vectorizer.fit_transform([text[start : start + size]])
    begin, begin_cpu = perf_counter(), process_time()
    generator.fit(windows)
    wall, cpu = perf_counter() - begin, process_time() - begin_cpu
    held_out = vectorizer.transform([text[end : end + 100_000]])
    begin = perf_counter()
    loss = -generator.score(held_out)
    scoring = (perf_counter() - begin) * 100_000 / held_out.shape[1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    options = {"temperature": 0.8, "max_length": 2000, "random_state": 0}
    writing = statistics.median(seconds(lambda: generator.sample(**options)) for _ in range(3))
    return size, loss, wall, cpu, scoring, writing, memory
