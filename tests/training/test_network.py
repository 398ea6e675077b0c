"""The torch network, compared with the formulas."""

import numpy as np
import pytest
import torch
from _formulas import START, Network

from sknamegen._training.network import CharLSTM

KINDS = [
    {"embedding_dim": 4, "num_layers": 1},
    {"embedding_dim": 4, "num_layers": 3},
    {"embedding_dim": None, "num_layers": 1},
    {"embedding_dim": None, "num_layers": 2},
]
N_CHARACTERS = 6
SYMBOLS = f"abcdef{START}?"  # codes 6 and 7 are the start and an unknown character
NO_LABELS = torch.full((4,), -1)


def make_network(seed=0, dropout=0.0, **params):
    network = CharLSTM(N_CHARACTERS, hidden_size=5, dropout=dropout, seed=seed, **params)
    return network.eval()


@pytest.mark.parametrize("params", KINDS)
def test_forward_is_an_lstm(params):
    network = make_network(dropout=0.5, **params)
    codes = torch.tensor([[6, 0, 3, 7], [6, 5, 5, 1]])
    flat, positions = network(codes, NO_LABELS[:2]).detach(), torch.tensor([0, 4, 5])
    torch.testing.assert_close(network(codes, NO_LABELS[:2], positions), flat[positions])
    logits = flat.view(2, 4, N_CHARACTERS)
    formulas = Network(network.arrays(), SYMBOLS[:N_CHARACTERS])
    vectors = formulas.weights.get("embedding.weight", formulas.weights["layers.0.weight_ih_l0"].T)
    assert not vectors[SYMBOLS.index("?")].any()
    for row in range(2):
        for step in range(4):
            expected = formulas.logits([SYMBOLS[code] for code in codes[row, : step + 1]])
            np.testing.assert_allclose(logits[row, step], expected, atol=1e-6)
    assert not torch.allclose(network.train()(codes, NO_LABELS[:2]), flat)  # drops values


@pytest.mark.parametrize("params", KINDS)
def test_weights_round_trip(params):
    network, other = (make_network(seed, n_labels=2, **params) for seed in (0, 1))
    other.load_arrays(network.arrays())
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name])
    network.arrays()["head.bias"][:] = 7
    assert (network.head.bias != 7).all()


@pytest.mark.parametrize("params", KINDS)
def test_a_label_adds_its_vector_to_the_character_vectors(params):
    network = make_network(n_labels=3, **params)
    codes, labels = torch.tensor([[6, 0, 3], [6, 5, 1]]), torch.tensor([2, 0])
    weights, expected = network.arrays(), []
    name, axis = ("embedding.weight", 0) if network.embedding else ("layers.0.weight_ih_l0", 1)
    for row, label in zip(codes.tolist(), labels.tolist(), strict=True):
        moved = make_network(**params)
        vectors = np.moveaxis(weights[name], axis, 0)
        vectors = vectors[: N_CHARACTERS + 2] + vectors[N_CHARACTERS + 2 + label]
        moved.load_arrays(weights | {name: np.moveaxis(vectors, 0, axis)})
        expected.append(moved(torch.tensor([row]), NO_LABELS[:1]))
    torch.testing.assert_close(network(codes, labels), torch.cat(expected))


@pytest.mark.parametrize("params", KINDS)
def test_weights_depend_on_the_seed_only(params):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, other = (make_network(seed, **params).state_dict() for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
    assert not torch.equal(first["head.weight"], other["head.weight"])
    assert all(weight.isfinite().all() for weight in first.values())


def test_dropout_masks_are_shared_by_steps_and_depend_on_the_seed():
    before = torch.get_rng_state()
    x = torch.ones(50, 4, 5)

    def masks():
        network = make_network(dropout=0.3, embedding_dim=4, num_layers=1).train()
        return network._drop(x), network._drop(x)

    (first, second), (again, _) = masks(), masks()
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert (first == first[:, :1]).all()
    np.testing.assert_allclose(first.unique(), [0, 1 / 0.7], rtol=1e-6)
    assert 0.2 < (first == 0).float().mean() < 0.4


def test_gradients_of_the_one_hot_layer_match_explicit_one_hot_inputs():
    network = make_network(embedding_dim=None, num_layers=1)
    codes = torch.tensor([[6, 0, 3, 3], [6, 5, 1, 2]])
    network(codes, NO_LABELS[:2]).square().sum().backward()
    gradients = [weight.grad.clone() for weight in network.parameters()]
    network.zero_grad()
    one_hot = torch.nn.functional.one_hot(codes, N_CHARACTERS + 2).float()
    hidden, _ = network.layers[0](one_hot)
    network.head(hidden).square().sum().backward()
    for gradient, weight in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, weight.grad)
