"""A model as a function from one row of numbers to one row of numbers."""

from __future__ import annotations

import dataclasses

import torch

from suite.capture import parse_input
from suite.models.calling import Arguments, as_trained, calling
from suite.workload import Network
from tests.models.whole import Whole


def network_with(*inputs: str, train: bool = False, dtype: str = "float32") -> Network:
    return Network(
        module="m",
        name="n",
        folder=".",
        inputs=tuple(parse_input(text, dtype, asked_by="--input") for text in inputs),
        dtype=None,
        train=train,
        outputs=(1,),
        direct_flops=1,
        parameter_bytes=1,
        convolutions=1,
    )


def test_arguments_are_views_of_the_row_by_position_key_and_keyword():
    network = network_with("2x3", "[left]=4", "[right]=1", "mask=2", "words=3:int64")
    row = torch.arange(13.0)

    words, keywords = Arguments(network, torch.float32).of(row)

    assert torch.equal(words[0], row[:6].view(2, 3))
    assert torch.equal(words[1]["left"], row[6:10])
    assert torch.equal(words[1]["right"], row[10:11])
    assert torch.equal(keywords["mask"], row[11:])
    assert torch.equal(keywords["words"], torch.zeros(3, dtype=torch.int64))
    assert words[0].data_ptr() == row.data_ptr()


def test_what_is_judged_is_all_outputs_in_one_row_of_its_own():
    model = Whole().eval()
    network = network_with("1x3x6x6")
    called = calling(model, network, torch.float32)
    row = torch.randn(108)

    with torch.no_grad():
        output = called.call(row)
        joined = called.finish(output)

    assert torch.equal(joined, torch.cat([output["classes"].ravel(), output["map"].ravel()]))


def test_a_step_leaves_the_weights_as_they_are_and_tells_the_gradients():
    model = as_trained(Whole())
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    called = calling(model, network_with("2x3x6x6", train=True), torch.float32)

    loss, *gradients = called.parts(called.call(torch.randn(216)))
    again = called.parts(called.call(torch.randn(216)))

    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert [g.numel() for g in gradients] == [p.numel() for p in model.parameters()]
    assert float(loss) > 0
    assert not torch.equal(again[1], gradients[0])
    assert any(p._version for p in model.parameters())  # an optimizer did write them


def test_gradients_are_those_of_the_mean_square_of_the_outputs():
    model = as_trained(Whole()).double()
    row = torch.randn(216, dtype=torch.float64)
    outputs = model(row.view(2, 3, 6, 6)).values()
    loss = sum(y.square().mean() for y in outputs)
    right = torch.autograd.grad(loss, list(model.parameters()))

    called = calling(model, network_with("2x3x6x6", train=True, dtype="float64"), torch.float64)
    _, *gradients = called.parts(called.call(row))

    for own, theirs in zip(gradients, right, strict=True):
        torch.testing.assert_close(own, theirs.ravel())


def test_the_record_of_a_network_scenario_comes_back_as_one():
    from suite.records import from_json, to_json
    from suite.results.cell import CellResult, Status
    from suite.workload import NetworkScenario

    scenario = NetworkScenario(id="n/1", problem=network_with("1x3x6x6", "words=3:int64"))
    result = CellResult(
        scenario=scenario,
        implementation="eager",
        family="vendor",
        status=Status.ERROR,
        reason="none",
    )

    back = from_json(CellResult, to_json(result))

    assert back == result
    assert isinstance(back.scenario, NetworkScenario)
    assert dataclasses.replace(back.scenario, threads=2).problem == scenario.problem
