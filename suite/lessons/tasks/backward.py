"""Exercise of the lesson on gradients: send each element back to its window."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="complete the gradient with respect to the input",
        text='''\
import torch


def grad_input(grad, weight, input_shape, stride, padding):
    """Return the gradient of the input, of shape `input_shape`.

    grad is (N, K, P, Q), the gradient of the output; weight is (K, C, R, S); one group, no
    dilation. Output (p, q) was computed from the window at (p·stride, q·stride) of the padded
    input: it sends its gradient back to the same elements.
    """
    images, channels, height, width = input_shape
    kernel_h, kernel_w = weight.shape[2:]
    pad_h, pad_w = padding
    padded = grad.new_zeros(images, channels, height + 2 * pad_h, width + 2 * pad_w)
    for p in range(grad.shape[2]):
        for q in range(grad.shape[3]):
            # Yours: the window that output (p, q) read, and what each of its elements receives
            # from all output channels: (images, channels, kernel_h, kernel_w).
            ...
    # Yours: what landed on the padding is dropped.
    return ...
''',
        function="grad_input",
        operation="backward_data",
        shapes=(
            "example",
            "channels",
            "square-channels",
            "images",
            "stride",
            "same",
            "padding",
            "stride-padding",
        ),
        hints=(
            "If y = w·x, then x receives w times the gradient of y. Here x takes part in many "
            "sums, and receives from each: contributions are added.",
            "padded[:, :, top : top + kernel_h, left : left + kernel_w] += something of the shape "
            "(images, channels, kernel_h, kernel_w); sum over k by a product or an einsum.",
            "torch.einsum('nk,kcrs->ncrs', grad[:, :, p, q], weight); at the end "
            "padded[:, :, pad_h : pad_h + height, pad_w : pad_w + width]",
        ),
    ),
)
