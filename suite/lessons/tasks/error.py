"""Exercise of the lesson on error: a result that is far off, and as good as it can be."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="find operands with which float32 is off by more than a tenth of the result",
        text='''\
import torch


def operands():
    """Return input (N, C, H, W) and weight (K, C, R, S), float32, every value from -1 to 1.

    At most 1000 products an element. One element of the convolution, computed in float32, has to
    differ from the float64 result by more than a tenth of that result.
    """
    torch.manual_seed(0)
    x = torch.rand(1, 8, 6, 6) * 2 - 1
    w = torch.rand(1, 8, 3, 3) * 2 - 1
    # Yours: change them.
    return x, w
''',
        function="operands",
        claim="operands",
        hints=(
            "The error is relative to the sum of the products' sizes. When is that much larger "
            "than the sum of the products?",
            "Let nearly everything cancel: each product and its opposite, and something tiny that "
            "is left over.",
            "A kernel of pairs a and -a over an input whose pairs are equal, all products rounded "
            "(0.1, not 0.5), and one lone product of about 1e-9.",
        ),
    ),
)
