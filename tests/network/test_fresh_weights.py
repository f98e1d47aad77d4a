"""Whichever way a weight changes, the next call is right: no stale pack is ever used."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
from quick_modules import by_torch
from torch import nn

from suite.network import refresh
from suite.network.samples import PER_CALL, WHOLE_BYTES, samples_of


def step(optimizer_class, **options):
    def change(conv: nn.Conv2d) -> None:
        optimizer = optimizer_class(conv.parameters(), lr=0.5, **options)
        with torch.enable_grad():
            conv(torch.ones(2, 4, 9, 8)).square().sum().backward()
        optimizer.step()

    return change


def load(conv: nn.Conv2d, **options) -> None:
    other = copy.deepcopy(conv).requires_grad_(False)
    for parameter in other.parameters():
        parameter.mul_(3)
    conv.load_state_dict(other.state_dict(), **options)


def in_place(conv: nn.Conv2d) -> None:
    with torch.no_grad():
        conv.weight.mul_(2)


def through_data(conv: nn.Conv2d) -> None:
    conv.weight.data.mul_(2)


def through_numpy(conv: nn.Conv2d) -> None:
    conv.weight.detach().numpy()[...] += 1


def new_parameter(conv: nn.Conv2d) -> None:
    conv.weight = nn.Parameter(torch.randn_like(conv.weight))


def new_data(conv: nn.Conv2d) -> None:
    conv.weight.data = torch.randn_like(conv.weight)


def new_data_where_the_old_was(conv: nn.Conv2d) -> None:
    """Free the old memory first, so that the new tensor is likely to come to lie there."""
    shape = conv.weight.shape
    conv.weight.data = torch.empty(0)
    gc.collect()
    conv.weight.data = torch.randn(shape)


def new_data_of_another_order(conv: nn.Conv2d) -> None:
    """Let the same memory mean another weight: kernels transposed."""
    conv.weight.data = conv.weight.data.transpose(2, 3)


def view_of_the_same_storage(conv: nn.Conv2d) -> None:
    """Two same-shaped views of one storage have its pointer in common."""
    both = torch.randn(2, *conv.weight.shape)
    conv.weight = nn.Parameter(both[0])
    with torch.no_grad():
        conv(torch.ones(2, 4, 9, 8))
    conv.weight = nn.Parameter(both[1])


def data_to_a_view_of_the_same_storage(conv: nn.Conv2d) -> None:
    both = torch.randn(2, *conv.weight.shape)
    conv.weight.data = both[0]
    with torch.no_grad():
        conv(torch.ones(2, 4, 9, 8))
    conv.weight.data = both[1]


def swapped(conv: nn.Conv2d) -> None:
    torch.utils.swap_tensors(conv.weight, nn.Parameter(torch.randn_like(conv.weight)))


def storage_freed_and_back(conv: nn.Conv2d) -> None:
    """Do what FSDP does between two uses of a weight."""
    storage = conv.weight.untyped_storage()
    size = storage.nbytes()
    storage.resize_(0)
    storage.resize_(size)
    conv.weight.data.normal_()


def set_to_another_storage(conv: nn.Conv2d) -> None:
    with torch.no_grad():
        conv.weight.set_(torch.randn_like(conv.weight))


def written_in_its_storage(conv: nn.Conv2d) -> None:
    conv.weight.untyped_storage().copy_(torch.randn_like(conv.weight).untyped_storage())


def with_its_version_preserved(conv: nn.Conv2d) -> None:
    with torch.no_grad(), torch.autograd._unsafe_preserve_version_counter(conv.weight):
        conv.weight.mul_(2)


def there_and_back(conv: nn.Conv2d) -> None:
    conv.double()
    conv.weight.data.mul_(2)
    conv.float()


def halved_and_back(conv: nn.Conv2d) -> None:
    conv.half()
    conv.float()


def another_format(conv: nn.Conv2d) -> None:
    conv.to(memory_format=torch.channels_last)
    conv.weight.data.neg_()


def shared_memory(conv: nn.Conv2d) -> None:
    conv.share_memory()
    conv.weight.data.neg_()


def in_inference_mode(conv: nn.Conv2d) -> None:
    with torch.inference_mode():
        conv.weight.mul_(2)


def made_in_inference_mode(conv: nn.Conv2d) -> None:
    with torch.inference_mode():
        conv.weight = nn.Parameter(torch.randn_like(conv.weight), requires_grad=False)
        conv(torch.ones(2, 4, 9, 8))
        conv.weight.mul_(2)


def data_made_in_inference_mode(conv: nn.Conv2d) -> None:
    with torch.inference_mode():
        conv.weight.data = torch.randn_like(conv.weight)
        conv(torch.ones(2, 4, 9, 8))
        conv.weight.mul_(2)


def parameters_to_vector(conv: nn.Conv2d) -> None:
    vector = torch.nn.utils.parameters_to_vector(conv.parameters())
    torch.nn.utils.vector_to_parameters(vector.detach() * 2, conv.parameters())


CHANGES = {
    "SGD": step(torch.optim.SGD, foreach=False),
    "SGD, foreach": step(torch.optim.SGD, foreach=True),
    "SGD, fused": step(torch.optim.SGD, fused=True),
    "AdamW, foreach": step(torch.optim.AdamW, foreach=True),
    "AdamW, fused": step(torch.optim.AdamW, fused=True),
    "load_state_dict": load,
    "load_state_dict, assigned": lambda conv: load(conv, assign=True),
    **{
        change.__name__.replace("_", " "): change
        for change in (
            in_place,
            through_data,
            through_numpy,
            new_parameter,
            new_data,
            new_data_where_the_old_was,
            new_data_of_another_order,
            view_of_the_same_storage,
            data_to_a_view_of_the_same_storage,
            swapped,
            storage_freed_and_back,
            set_to_another_storage,
            written_in_its_storage,
            with_its_version_preserved,
            there_and_back,
            halved_and_back,
            another_format,
            shared_memory,
            in_inference_mode,
            made_in_inference_mode,
            data_made_in_inference_mode,
            parameters_to_vector,
        )
    },
}


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_weight_is_seen_by_the_next_call(conv, stub, x, change, mode):
    with mode():
        before = conv(x)
        conv(x)
    assert (stub.packed, stub.calls) == (1, 3)  # one more, to see how its output lies

    change(conv)

    with mode():
        after = conv(x)
        torch.testing.assert_close(after, by_torch(conv, x))
        assert not torch.equal(after, before)


def test_weights_that_change_in_turns_are_right_in_each_call(conv, x):
    values = [torch.randn_like(conv.weight) for _ in range(3)]
    with torch.no_grad():
        for turn in range(30):
            conv.weight.copy_(values[turn % 3])
            torch.testing.assert_close(conv(x), by_torch(conv, x))


def test_weights_that_change_with_every_call_are_seldom_packed(conv, stub, x):
    with torch.no_grad():
        for _ in range(100):
            conv.weight.add_(1)
            conv(x)
    assert stub.packed < 10


def test_a_weight_that_has_come_to_rest_is_packed_again(conv, stub, x):
    with torch.no_grad():
        for _ in range(10):
            conv.weight.add_(1)
            conv(x)
        before = stub.calls
        for _ in range(100):
            conv(x)
    assert stub.calls - before > 30


def test_a_new_bias_needs_no_packing(conv, stub, x):
    with torch.no_grad():
        conv(x)
        conv.bias.data.add_(1)
        torch.testing.assert_close(conv(x), by_torch(conv, x))
        conv.bias = nn.Parameter(torch.randn(6))
        torch.testing.assert_close(conv(x), by_torch(conv, x))
        conv.bias = None
        torch.testing.assert_close(conv(x), by_torch(conv, x))
    assert stub.packed == 1


def test_a_single_element_written_past_the_version_counter_is_seen_after_a_refresh(stub, x):
    from quick_modules import planned

    from suite.network import quicken

    conv = nn.Conv2d(64, 64, 3, padding=1)
    quicken(conv, [planned(conv, (1, 64, 5, 5))])
    x = torch.randn(1, 64, 5, 5)
    with torch.no_grad():
        conv(x)
        conv.weight.data.view(-1)[12345] = 1e3
        refresh(nn.Sequential(conv))
        torch.testing.assert_close(conv(x), by_torch(conv, x))


def test_each_single_element_of_a_small_weight_is_looked_at_in_every_call():
    weight = torch.randn(WHOLE_BYTES // 4)
    samples = samples_of(weight)
    for element in (0, 1, 500, len(weight) - 1):
        weight[element] += 1
        view, expected = next(samples)
        assert view.tobytes() != expected
        samples = samples_of(weight)


@pytest.mark.parametrize("elements", [1025, 4099, 100_000])
def test_of_a_large_weight_every_call_looks_at_some_elements_and_others_the_next_time(elements):
    weight = torch.randn(elements)
    samples = samples_of(weight)
    views = [next(samples)[0] for _ in range(10)]
    assert all(PER_CALL <= len(view) <= PER_CALL + 1 for view in views)
    assert len({view.tobytes() for view in views}) == len(views)


def test_samples_lie_inside_of_the_weight_even_where_it_is_part_of_a_larger_tensor():
    around = torch.zeros(3, 2000)
    samples = samples_of(around[1])
    around[0], around[2] = 1, 1
    for _ in range(200):
        view, expected = next(samples)
        assert view.tobytes() == expected
