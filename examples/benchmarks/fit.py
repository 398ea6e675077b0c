"""How fast is training, compared with the notebook's recipe in Keras and a bare torch loop?

    python examples/benchmarks/fit.py [--quick] [--names FILE]

The script measures Keras if it is installed: pip install -e '.[bench]'.
"""

import os
import statistics
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import torch
from _common import (
    input_names,
    lstm_operations,
    parse_arguments,
    print_machine,
    seconds,
    sgemm_rate,
    split_names,
)
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen._data.sequences import Sequences
from sknamegen._generator import fitted
from sknamegen._models.counts import NGramCounts
from sknamegen._models.ngrams import NGrams
from sknamegen._training.batches import LengthGroupedBatches, SequenceDataset
from sknamegen._training.network import CharLSTM
from sknamegen._training.parameters import uses_bfloat16

# Best held-out loss of the notebook's recipe on the notebook's corpus, in nats per character.
TARGET = 1.857
QUICK_SETTINGS = {
    "num_networks": 1,
    "hidden_size": 128,
    "batch_size": 64,
    "max_epochs": 2,
    "lr": 0.05,
    "dropout": 0,
    "ngram_weight": 0.8,
    "ngram_counts": False,
}


def time_to_quality(train, test, repeat):
    """Return the median seconds of small fits, and their held-out loss in nats per character."""

    def fit():
        pipe = make_pipeline(
            CharSequenceVectorizer(), CharLSTMGenerator(random_state=0, **QUICK_SETTINGS)
        )
        losses.append(-pipe.fit(train).score(test))

    losses = []
    fit()
    times = [seconds(fit) for _ in range(repeat)]
    return statistics.median(times), losses[-1]


def keras_recipe(train, test, max_epochs):
    """Train the notebook's model, and yield total seconds and held-out loss after each epoch."""
    import keras

    keras.utils.set_random_seed(0)
    text, held_out = (" ".join(f"{name}\n" for name in names) for names in (train, test))
    characters = sorted(set(text) | set(held_out))

    def one_hot(text):
        codes = np.array([characters.index(c) for c in text])
        windows = np.lib.stride_tricks.sliding_window_view(codes, 11)
        hot = np.eye(len(characters), dtype=np.float32)
        return hot[windows[:, :-1]], hot[windows[:, -1]]

    x_test, y_test = one_hot(held_out)
    data = []
    duration = seconds(lambda: data.extend(one_hot(text)))
    model = keras.Sequential(
        [
            keras.Input((10, len(characters))),
            keras.layers.LSTM(128),
            keras.layers.Dense(len(characters), activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(0.01))
    # The first step includes the Keras setup, so it is not timed.
    weights = model.get_weights()
    model.train_on_batch(data[0][:128], data[1][:128])
    model.set_weights(weights)
    # The spaces after newlines are not part of the names.
    n_characters = sum(len(name) + 1 for name in test)
    for _ in range(max_epochs):
        duration += seconds(lambda: model.fit(*data, batch_size=128, epochs=1, verbose=0))
        proba = model.predict(x_test, batch_size=1024, verbose=0)
        loss = -np.log((proba * y_test).sum(1) + 1e-30).sum() / n_characters
        yield duration, loss


def bare_loop(generator, windows):
    """Return a function that trains the same networks one after the other, without skorch."""
    corpus = fitted(generator).corpus
    sequences = Sequences.of_rows(corpus.read(windows), corpus.alphabet)
    ngrams = NGrams(NGramCounts.of(sequences, 6), corpus.alphabet.kinds)
    dataset = SequenceDataset(sequences, ngrams)
    bfloat16 = uses_bfloat16(generator.precision, torch.device(generator.device))

    def fit_one(net):
        batches = LengthGroupedBatches(dataset, net.batch_size, torch.Generator().manual_seed(0))
        defaults, network = net.optimizer_.defaults, CharLSTM(**net.get_params_for("module"))
        options = {name: defaults[name] for name in ("betas", "weight_decay", "fused")}
        optimizer = torch.optim.AdamW(network.parameters(), lr=net.lr, **options)
        for _ in range(generator.n_iter_):
            for x, y in batches:
                with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                    logits = network(**x)
                loss = net.get_loss(logits.float(), y, training=True)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    def fit():
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        for net in generator.nets_:
            fit_one(net)
        torch.set_num_threads(n_threads)

    return fit


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("keras", "tensorflow_cpu")
    train, test = split_names(input_names(arguments), arguments.quick)
    repeat = 1 if arguments.quick else 3
    print(f"{len(train)} training names, {len(test)} held out\n")

    print(f"1. Time to {TARGET} nats/char on the held-out names")
    baseline, loss = time_to_quality(train, test, repeat)
    print(f"  sknamegen, Pipeline.fit, total time     {baseline:7.2f} s   {loss:.3f} nats/char")
    try:
        history = []
        for duration, loss in keras_recipe(train, test, 1 if arguments.quick else 10):
            history.append((loss, duration))
            if loss <= TARGET:
                break
        loss, duration = min(history)
        note = "" if loss <= TARGET else " (best loss, target not reached)"
        print(f"  the notebook's recipe in Keras          {duration:7.2f} s   {loss:.3f}{note}")
        print(f"  ratio                                   {duration / baseline:7.1f}")
    except ImportError:
        print("  Keras is not installed: pip install -e '.[bench]'")

    print("\n2. Training with default settings, as a share of the sgemm rate")
    windows = CharSequenceVectorizer().fit_transform(train)
    n_characters = sum(len(name) + 1 for name in train)
    epochs = {"max_epochs": 1} if arguments.quick else {}
    precisions = ["float32"]
    if uses_bfloat16("auto", torch.device("cpu")):
        precisions.append("bfloat16")
    for precision in precisions:
        generator = CharLSTMGenerator(init=None, precision=precision, random_state=0, **epochs)
        generator.fit(windows)
        train_bare = bare_loop(generator, windows)
        fit, n_threads = partial(generator.fit, windows), torch.get_num_threads()
        rounds = []
        # Alternate, so that other load on the machine affects all measurements equally.
        for _ in range(repeat):
            torch.set_num_threads(1)
            single = seconds(fit)
            torch.set_num_threads(n_threads)
            rounds.append((single, seconds(fit), seconds(train_bare), sgemm_rate()))
        single, threaded, loop, rate = map(statistics.median, zip(*rounds, strict=True))
        # The backward pass takes twice as many operations as the forward pass.
        config = generator.nets_[0].get_params_for("module")
        sizes = config["hidden_size"], config["n_characters"]
        forward = lstm_operations(*sizes, n_characters, config["embedding_dim"])
        work = 3 * generator.n_iter_ * len(generator.nets_) * forward
        print(f"  {precision}, bare torch loop          {loop:6.2f} s")
        for threads, duration in {1: single, n_threads: threaded}.items():
            ratios = f"{duration / loop:.2f} times the loop, {work / duration / rate:.0%} of sgemm"
            print(f"  {precision}, fit, threads: {threads:2d}          {duration:6.2f} s, {ratios}")


if __name__ == "__main__":
    main()
