"""The torch network. `test_lstm.py` compares its losses with the formulas."""

import numpy as np
import pytest
import torch

from sknamegen._training.network import CharLSTM

N_CHARACTERS = 6
START, UNKNOWN = 6, 7
NO_LABELS = torch.full((4,), -1)


def make_network(seed=0, dropout=0.0, **params):
    network = CharLSTM(N_CHARACTERS, hidden_size=5, dropout=dropout, seed=seed, **params)
    return network.eval()


@pytest.mark.parametrize("embedding_dim", [4, None])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_vector_of_unknown_characters_is_zero(embedding_dim, num_layers):
    weights = make_network(embedding_dim=embedding_dim, num_layers=num_layers).state_dict()
    vectors = weights.get("embedding.weight", weights["layers.0.weight_ih_l0"].T)
    assert vectors[START].any()
    assert not vectors[UNKNOWN].any()


def test_dropout_masks_are_shared_by_steps_and_depend_on_the_seed():
    before = torch.get_rng_state()
    x, codes = torch.ones(50, 4, 5), torch.tensor([[START, 0, 3]])

    def masks():
        network = make_network(dropout=0.3, embedding_dim=4, num_layers=1)
        expected = network(codes, NO_LABELS[:1])
        assert not torch.equal(network.train()(codes, NO_LABELS[:1]), expected)
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
    codes = torch.tensor([[START, 0, 3, 3], [START, 5, 1, 2]])
    network(codes, NO_LABELS[:2]).square().sum().backward()
    gradients = [weight.grad.clone() for weight in network.parameters()]
    network.zero_grad()
    one_hot = torch.nn.functional.one_hot(codes, N_CHARACTERS + 2).float()
    hidden, _ = network.layers[0](one_hot)
    network.head(hidden).square().sum().backward()
    for gradient, weight in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, weight.grad)
