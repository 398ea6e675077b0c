"""Callbacks for training a `CharLSTMGenerator`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from skorch.callbacks import Callback

from ._state import PublicName
from ._types import RandomStateLike
from ._validation import check_int, check_n_samples

__all__ = ["SamplePreview"]


class SamplePreview(PublicName, Callback):
    """Callback that prints names while a `CharLSTMGenerator` is training.

    Parameters
    ----------
    temperatures : sequence of float, default=(0.2, 0.5, 1.0, 1.2)
        Sampling temperatures. Names for each temperature are printed on one line.
    every : int, default=2
        Number of epochs between previews.
    n_samples : int, default=8
        Number of names per line.
    seed : str, default=""
        Beginning of the names.
    random_state : int, RandomState, Generator or None, default=0
        As in `CharLSTMGenerator.sample`. With an int, all previews use the same random numbers.

    Examples
    --------
    >>> from sknamegen import CharLSTMGenerator, SamplePreview, load_names
    >>> generator = CharLSTMGenerator(max_epochs=2, callbacks=[SamplePreview([0.5])])
    >>> generator = generator.fit(load_names("dragons"))  # doctest: +ELLIPSIS
    After epoch 2:
      temperature 0.5: ...
    """

    def __init__(
        self,
        temperatures: Iterable[float] = (0.2, 0.5, 1.0, 1.2),
        every: int = 2,
        n_samples: int = 8,
        seed: str = "",
        random_state: RandomStateLike = 0,
    ):
        self.temperatures = temperatures
        self.every = every
        self.n_samples = n_samples
        self.seed = seed
        self.random_state = random_state

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: object) -> None:
        """Validate the parameters before training."""
        check_int("every", self.every, 1)
        check_n_samples(self.n_samples)
        self._sample(net.generator(), 1)

    def on_epoch_end(self, net: Any, **kwargs: object) -> None:
        """Print a preview every `every` epochs."""
        generator = net.generator()
        if generator.n_iter_ % self.every == 0:
            lines = [f"After epoch {generator.n_iter_}:"]
            for temperature, names in self._sample(generator, self.n_samples).items():
                lines.append(f"  temperature {temperature}: {'  '.join(names)}")
            encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
            # Terminals show characters outside their encoding as escape sequences.
            print("\n".join(lines).encode(encoding, "backslashreplace").decode(encoding))

    def _sample(self, generator: Any, n_samples: int) -> dict[float, list[str]]:
        """Return generated names for each temperature."""
        options = {"n_samples": n_samples, "random_state": self.random_state}
        return {t: generator.sample(self.seed, t, **options) for t in self.temperatures}
