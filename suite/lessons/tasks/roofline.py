"""Exercise of the lesson on the roofline: a bound that holds for every depthwise layer."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="find what no 3×3 depthwise layer exceeds, and a layer that comes near it",
        text='''\
def bound():
    """Return a number and a layer.

    The number: FLOP for every byte moved, which no 3×3 depthwise convolution in float32 with
    stride 1 and padding 1 exceeds, whatever its sizes. Input, weight and output are moved once.
    The layer: one that comes within 2 % of it.
    """
    layer = {"batch_size": 1, "channels": 32, "size": 4}
    # Yours: both.
    return 10.0, layer
''',
        function="bound",
        claim="bound",
        hints=(
            "Count for one output element: how many operations, how many bytes are read for it and "
            "written? Each input element serves nine outputs, and is read once.",
            "2·9 operations; one element read, one written, 4 bytes each. And the weights?",
            "18 / 8. A plane so large that 9 weights a channel are nothing beside it, 224×224.",
        ),
    ),
)
