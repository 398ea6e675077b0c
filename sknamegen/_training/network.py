"""The torch network, which predicts logits for the next character from character indices."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F


class CharLSTM(nn.Module):
    """Character-level LSTM (Hochreiter and Schmidhuber, 1997).

    Parameters
    ----------
    n_characters : int
        Number of characters to predict. Inputs have two more indices: `n_characters` is the start
        of a name, and `n_characters` + 1 an unknown character, whose vector is zero.
    hidden_size : int
        Units per LSTM layer.
    num_layers : int
        Number of LSTM layers.
    embedding_dim : int or None
        Dimension of the character embeddings. None: one-hot inputs.
    dropout : float
        Probability of dropping a layer output during training. The mask is the
        same at all steps of a sequence (Gal and Ghahramani, 2016).
    seed : int
        Seed for the initial weights and dropout masks. The network does not
        use the global random generator.
    n_labels : int, default=0
        Number of labels. The label vector is added to each character vector.

    Notes
    -----
    Initial weights follow Keras: Glorot uniform input weights, orthogonal
    recurrent weights, a forget-gate bias of one (Jozefowicz et al., 2015) and
    zero for all other biases.
    """

    def __init__(
        self,
        n_characters: int,
        hidden_size: int,
        num_layers: int,
        embedding_dim: int | None,
        dropout: float,
        seed: int,
        n_labels: int = 0,
    ):
        super().__init__()
        self.dropout, self.seed, self.n_labels = dropout, seed, n_labels
        self.n_inputs = n_characters + 2
        n_vectors = self.n_inputs + n_labels
        sizes = [embedding_dim or n_vectors] + [hidden_size] * num_layers
        self.embedding: nn.Embedding | None = None
        self.labels: nn.Embedding | None = None
        if embedding_dim:
            self.embedding = _empty(nn.Embedding, self.n_inputs, embedding_dim)
            if n_labels:  # a separate parameter, because its learning rate differs
                self.labels = _empty(nn.Embedding, n_labels, embedding_dim)
        layers = [_empty(nn.LSTM, *pair, batch_first=True) for pair in pairwise(sizes)]
        self.layers: Any = nn.ModuleList(layers)
        self.head = _empty(nn.Linear, hidden_size, n_characters)
        self._states: list[Any] = []  # of each layer, after the last pieces of running texts
        self._initialize(torch.Generator().manual_seed(seed))
        self._dropout_generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight_ih_l0, generator=generator)
            for block in layer.weight_hh_l0.chunk(4):
                nn.init.orthogonal_(block, generator=generator)
            for bias in (layer.bias_hh_l0, layer.bias_ih_l0):
                nn.init.zeros_(bias)
            nn.init.ones_(layer.bias_ih_l0.chunk(4)[1])  # forget gate
        nn.init.xavier_uniform_(self.head.weight, generator=generator)
        nn.init.zeros_(self.head.bias)
        if self.embedding:
            for vectors in filter(None, (self.embedding, self.labels)):
                nn.init.normal_(vectors.weight, generator=generator)
            self.embedding.weight[self.n_inputs - 1] = 0
        else:
            self.layers[0].weight_ih_l0[:, self.n_inputs - 1] = 0

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor,
        positions: Tensor | None = None,
        is_first: Tensor | None = None,
    ) -> Tensor:
        """Predict the character after each step, starting from a zero state.

        `inputs` has shape (batch, time), `labels` (batch,). `positions` restricts the predictions
        to some positions in ``batch * time``. With `is_first`, bool of shape (batch,), rows of
        running text continue those of the last call, unless they are first. Returns logits of shape
        (n_targets, n_characters).
        """
        x = self._embed(inputs)  # (batch, time, embedding)
        if self.n_labels:
            labels = labels[:, None].expand_as(inputs)
            x = x + (self.labels(labels) if self.labels else self._embed(self.n_inputs + labels))
        before, after = [None] * len(self.layers), list[Any]()
        if is_first is not None and not is_first.all():
            before, keep = self._states, ~is_first[:, None]
        for layer, state in zip(self.layers, before, strict=True):
            if state:  # in the number format of the input, like the default, zero
                state = tuple((part * keep).to(x.dtype) for part in state)
            x, state = layer(x, state)
            x = self._drop(x)
            after.append(tuple(part.detach() for part in state))
        if is_first is not None:
            self._states = after
        hidden = x.flatten(0, 1)  # (batch * time, hidden)
        return self.head(hidden if positions is None else hidden[positions])

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the weights, with label vectors appended to the character vectors."""
        arrays = {name: weight.cpu().numpy().copy() for name, weight in self.state_dict().items()}
        if self.labels:
            vectors = arrays["embedding.weight"], arrays.pop("labels.weight")
            arrays["embedding.weight"] = np.concatenate(vectors)
        return arrays

    def load_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Load weights returned by `arrays`. Weights do not change where an array is NaN."""
        weights = {name: torch.from_numpy(weight) for name, weight in arrays.items()}
        if self.labels:
            vectors = weights["embedding.weight"].tensor_split([self.n_inputs])
            weights["embedding.weight"], weights["labels.weight"] = vectors
        for name, weight in self.state_dict().items():
            new = weights[name].to(weight.device)
            weight.copy_(torch.where(new.isnan(), weight, new))

    def _embed(self, indices: Tensor) -> Tensor:
        if self.embedding:
            return self.embedding(indices)
        return F.one_hot(indices.long(), self.layers[0].input_size).float()  # (..., n_inputs)

    def _drop(self, x: Tensor) -> Tensor:
        if not self.training or self.dropout == 0:
            return x
        if self._dropout_generator.device != x.device:
            self._dropout_generator = torch.Generator(x.device).manual_seed(self.seed)
        keep = 1 - self.dropout
        uniform = x.new_empty((len(x), 1, x.shape[2]), dtype=torch.float32)
        uniform.uniform_(generator=self._dropout_generator)
        return x * (uniform < keep).to(x.dtype).div_(keep)


def _empty(layer: type[nn.Module], *args: Any, **options: Any) -> Any:
    """Return a layer with uninitialized weights, without drawing random numbers.

    The meta device does the same, but imports torch's compiler, which takes a second.
    """
    kind = type(layer.__name__, (layer,), {"reset_parameters": lambda self: None})
    return kind(*args, device="cpu", dtype=torch.float32, **options)
