"""One convolution as an ONNX model, for the engines that read models."""

from __future__ import annotations

import torch

from suite import Problem


def convolution_model(weight: torch.Tensor, problem: Problem) -> bytes:
    """Return the serialised model: input x and, with a bias, b; the weight is a constant in it."""
    import onnx  # noqa: PLC0415 - an optional dependency
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    more = {"output_padding": problem.output_padding} if problem.is_transposed else {}
    node = helper.make_node(
        "ConvTranspose" if problem.is_transposed else "Conv",
        ["x", "w", "b"] if problem.bias else ["x", "w"],
        ["y"],
        kernel_shape=problem.kernel,
        strides=problem.stride,
        pads=problem.padding * 2,
        dilations=problem.dilation,
        group=problem.groups,
        **more,
    )

    def value(name: str, shape: tuple[int, ...]):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [value("x", problem.input_shape)]
    if problem.bias:
        inputs.append(value("b", (problem.out_channels,)))
    constant = numpy_helper.from_array(weight.detach().contiguous().numpy(), "w")
    graph = helper.make_graph(
        [node], "convolution", inputs, [value("y", problem.output_shape)], [constant]
    )
    # The oldest versions that have all of it: any engine reads them.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()
