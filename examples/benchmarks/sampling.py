"""How fast is sampling, compared with the notebook's loop in Keras?

    python examples/benchmarks/sampling.py [--quick] [--names FILE]

The script measures Keras if it is installed: pip install -e '.[bench]'.
"""

import os
import statistics
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _common import (
    input_names,
    lstm_operations,
    median_seconds,
    parse_arguments,
    print_machine,
    seconds,
    sgemm_rate,
    split_names,
)
from threadpoolctl import threadpool_info, threadpool_limits

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer


def keras_characters_per_second(n_characters):
    """Return the rate of the notebook's loop: one-hot window, predict, draw, shift."""
    import keras

    n_characters_in_corpus = 56  # as in the notebook. The weights do not affect the time
    model = keras.Sequential(
        [
            keras.Input((10, n_characters_in_corpus)),
            keras.layers.LSTM(128),
            keras.layers.Dense(n_characters_in_corpus, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(0)

    def generate():
        window = [0] * 10
        for _ in range(n_characters):
            x = np.eye(n_characters_in_corpus, dtype=np.float32)[window][None]
            p = model.predict(x, verbose=0)[0].astype(float)
            window = [*window[1:], int(rng.choice(n_characters_in_corpus, p=p / p.sum()))]

    return n_characters / median_seconds(generate, 2)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("keras", "tensorflow_cpu")
    train, _ = split_names(input_names(arguments), arguments.quick)
    windows = CharSequenceVectorizer().fit_transform(train)
    n_names, repeat = (200, 1) if arguments.quick else (10_000, 7)

    print(f"{n_names} names in one call, and a single name")
    epochs = {"max_epochs": 4} if arguments.quick else {}
    libraries = threadpool_info()
    blas = [lib["num_threads"] for lib in libraries if lib["user_api"] == "blas"]
    for params in ({"num_networks": 1, "hidden_size": 128}, {}):
        generator = CharLSTMGenerator(init=None, random_state=0, **params, **epochs)
        generator.fit(windows)
        config, n_networks = generator.nets_[0].get_params_for("module"), len(generator.nets_)
        sizes = config["hidden_size"], len(generator.alphabet_)
        sampled = generator.sample(n_samples=n_names, random_state=0)
        # The end of a name is also a draw, except at the maximum length.
        n_characters = sum(min(len(name) + 1, generator.max_length_) for name in sampled)
        work = n_networks * lstm_operations(*sizes, n_characters)
        sample = partial(generator.sample, n_samples=n_names, random_state=0)
        for n_threads in sorted({1, max(blas)}):
            with threadpool_limits(n_threads, user_api="blas"):
                rounds = [(seconds(sample), sgemm_rate()) for _ in range(repeat)]
                single = median_seconds(generator.sample, 5 * repeat)
            duration, rate = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(
                f"  {n_networks} of {sizes[0]} units, threads: {n_threads}: "
                f"{n_names / duration:7.0f} names/s, {n_characters / duration:8.0f} characters/s, "
                f"{work / duration / rate:4.0%} of sgemm, one name {1000 * single:.1f} ms"
            )
    try:
        keras_rate = keras_characters_per_second(5 if arguments.quick else 100)
        print(f"  the notebook's loop in Keras: {keras_rate:.1f} characters/s")
        print(f"  ratio with default settings: {n_characters / duration / keras_rate:.0f}")
    except ImportError:
        print("  Keras is not installed: pip install -e '.[bench]'")


if __name__ == "__main__":
    main()
