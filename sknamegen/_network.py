"""The network: indices of characters in, logits of the next character out."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class CharLSTM(nn.Module):
    """A character-level LSTM (Hochreiter and Schmidhuber, 1997).

    Parameters
    ----------
    n_characters : int
        Characters that can be predicted. Indices of inputs go two further: to
        `n_characters`, the start of a name, and `n_characters` + 1, an unknown
        character, which enters as a vector of zeros. With labels, an input is
        ``label * (n_characters + 2)`` higher than its character's index.
    hidden_size : int
        Units of each layer.
    num_layers : int
        LSTM layers.
    embedding_dim : int or None
        Dimension of the learned vector of a character. None: one-hot, done by
        indexing the input weights.
    dropout : float
        Probability of dropping an output of a layer during training, the same
        outputs at all steps of a sequence (Gal and Ghahramani, 2016).
    seed : int
        Seeds the initial weights and the dropout masks. No global random
        generator is used.
    n_labels : int, default=0
        Labels that the characters of a sequence may have, all the same one. Each has a
        vector that is added to those of its characters.

    Notes
    -----
    Initial weights follow Keras, which the project began with: Glorot uniform
    input weights, orthogonal recurrent weights, a forget-gate bias of one
    (Jozefowicz et al., 2015) and zeros for the other biases.
    """

    def __init__(
        self, n_characters, hidden_size, num_layers, embedding_dim, dropout, seed, n_labels=0
    ):
        super().__init__()
        self.config = {
            "n_characters": n_characters,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "embedding_dim": embedding_dim,
            "dropout": dropout,
            "seed": seed,
            "n_labels": n_labels,
        }
        self.dropout = dropout
        self.seed = seed
        self.n_labels = n_labels
        self.n_inputs = n_characters + 2
        n_vectors = self.n_inputs + n_labels
        sizes = [embedding_dim or n_vectors] + [hidden_size] * num_layers
        # On the meta device the constructors draw no random numbers.
        with torch.device("meta"):
            self.embedding = None
            if embedding_dim:
                self.embedding = nn.Embedding(n_vectors, embedding_dim, dtype=torch.float32)
            self.layers = nn.ModuleList(
                nn.LSTM(n_in, n_out, batch_first=True, dtype=torch.float32)
                for n_in, n_out in pairwise(sizes)
            )
            self.head = nn.Linear(hidden_size, n_characters, dtype=torch.float32)
        self.to_empty(device="cpu")
        self._initialize(torch.Generator().manual_seed(seed))
        self._dropout_generator = None

    @torch.no_grad()
    def _initialize(self, generator):
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight_ih_l0, generator=generator)
            for block in layer.weight_hh_l0.chunk(4):
                nn.init.orthogonal_(block, generator=generator)
            nn.init.zeros_(layer.bias_hh_l0)
            input_gate, forget_gate, cell, output_gate = layer.bias_ih_l0.chunk(4)
            nn.init.ones_(forget_gate)
            for bias in (input_gate, cell, output_gate):
                nn.init.zeros_(bias)
        nn.init.xavier_uniform_(self.head.weight, generator=generator)
        nn.init.zeros_(self.head.bias)
        if self.embedding:
            nn.init.normal_(self.embedding.weight, generator=generator)
            self.embedding.weight[self.n_inputs - 1] = 0
        else:
            self.layers[0].weight_ih_l0[:, self.n_inputs - 1] = 0

    def forward(self, codes, where=None):
        """Predict the character after each step of sequences that start from a zero state.

        Parameters
        ----------
        codes : int tensor of shape (batch, time)
        where : int64 tensor of shape (n_targets,), default=None
            Positions in ``batch * time`` to predict at; None: all of them.

        Returns
        -------
        logits : float tensor of shape (n_targets, n_characters)
        """
        hidden = self._hidden(codes).flatten(0, 1)  # (batch * time, hidden)
        return self.head(hidden if where is None else hidden[where])

    def _hidden(self, codes):
        if self.embedding is None:
            x = self._first_layer_one_hot(codes)
        else:
            x, _ = self.layers[0](self._look_up(codes, self.embedding.weight))
        x = self._drop(x)
        for layer in self.layers[1:]:
            x, _ = layer(x)
            x = self._drop(x)
        return x  # (batch, time, hidden)

    def _first_layer_one_hot(self, codes):
        gates, layer = self._input_gates(), self.layers[0]
        state, outputs = self._zero_state(len(codes)), []
        for step in codes.unbind(1):
            state = _cell(self._look_up(step, gates), state, layer)
            outputs.append(state[0])
        return torch.stack(outputs, dim=1)

    def _drop(self, x):
        if not self.training or self.dropout == 0:
            return x
        if self._dropout_generator is None or self._dropout_generator.device != x.device:
            self._dropout_generator = torch.Generator(x.device).manual_seed(self.seed)
        keep = 1 - self.dropout
        uniform = torch.rand(
            (len(x), 1, x.shape[2]),
            generator=self._dropout_generator,
            device=x.device,
            dtype=torch.float32,
        )
        return x * (uniform < keep).to(x.dtype).div_(keep)

    def start(self, windows):
        """Read contexts, each from its first index that is not negative.

        Parameters
        ----------
        windows : int64 tensor of shape (rows, window_length)
            Indices of the last characters, after as many -1 as are missing.

        Returns
        -------
        state : tuple
            For `advance` and `select`.
        logits : float tensor of shape (rows, n_characters)
        """
        gates, filled = self._input_gates(), windows >= 0
        if filled.all():  # no state to keep: the next character moves the whole window
            return (windows, gates, []), self.head(self._hidden(windows)[:, -1])
        states = [self._zero_state(len(windows)) for _ in self.layers]
        for step in range(int(filled.any(0).int().argmax()), windows.shape[1]):
            states = self._step(gates, windows[:, step].clamp(min=0), states)
            # Padding leaves the state at zero.
            mask = filled[:, step, None]
            states = [(h * mask, c * mask) for h, c in states]
        return (windows, gates, states), self.head(states[-1][0])

    def advance(self, state, characters):
        """Append one character to each context.

        Parameters
        ----------
        state : tuple
            From `start`, `advance` or `select`.
        characters : int64 tensor of shape (rows,)
            Their indices, without labels.

        Returns
        -------
        state : tuple
        logits : float tensor of shape (rows, n_characters)
        """
        windows, gates, states = state
        if self.n_labels:
            characters = characters + windows[:, -1] // self.n_inputs * self.n_inputs
        was_full = windows[:, 0] >= 0
        windows = torch.cat([windows[:, 1:], characters[:, None]], dim=1)
        if was_full.any():
            # The first character has left the window, so its traces in the state must go.
            return self.start(windows)
        states = self._step(gates, characters, states)
        return (windows, gates, states), self.head(states[-1][0])

    def select(self, state, rows):
        """Return the state of some rows, in their order."""
        windows, gates, states = state
        return windows[rows], gates, [(h[rows], c[rows]) for h, c in states]

    def _step(self, gates, characters, states):
        new = []
        x = self._look_up(characters, gates)
        for layer, state in zip(self.layers, states, strict=True):
            if new:
                x = F.linear(x, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0)
            new.append(_cell(x, state, layer))
            x = new[-1][0]
        return new

    def _input_gates(self):
        """What each vector adds to the gates of the first layer, (n_vectors, 4 * hidden)."""
        layer = self.layers[0]
        bias = layer.bias_ih_l0 + layer.bias_hh_l0
        if self.n_labels:  # which come on top of a character
            bias = torch.cat(
                [bias.expand(self.n_inputs, -1), bias.new_zeros(self.n_labels, len(bias))]
            )
        if self.embedding is None:
            return layer.weight_ih_l0.t() + bias
        return torch.addmm(bias, self.embedding.weight, layer.weight_ih_l0.t())

    def _look_up(self, codes, vectors):
        """Sum the vectors of each character and its label."""
        if not self.n_labels:
            return F.embedding(codes, vectors)
        labels = self.n_inputs + codes // self.n_inputs
        return F.embedding(codes % self.n_inputs, vectors) + F.embedding(labels, vectors)

    def _zero_state(self, n_rows):
        zeros = self.head.weight.new_zeros(n_rows, self.head.in_features)
        return zeros, zeros


def _cell(gates, state, layer):
    """One step of an LSTM layer; adds to the input's part of the gates (rows, 4 * hidden)."""
    hidden, cell = state
    gates.addmm_(hidden, layer.weight_hh_l0.t())
    in_forget, candidate, out_gate = gates.split([2 * hidden.shape[1], *hidden.shape[1:] * 2], 1)
    if torch.is_grad_enabled():
        sigmoid, tanh = torch.sigmoid, torch.tanh
    else:
        sigmoid, tanh = torch.sigmoid_, _fast_tanh
    in_gate, forget_gate = sigmoid(in_forget).chunk(2, dim=1)
    cell = torch.addcmul(forget_gate * cell, in_gate, tanh(candidate))
    return sigmoid(out_gate) * tanh(cell), cell


def _fast_tanh(x):
    """Compute tanh by the sigmoid, which torch computes several times as fast on processors."""
    return (2 * x).sigmoid_().mul_(2).sub_(1)
