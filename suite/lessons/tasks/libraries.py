"""Exercise of the last lesson: choose as a library does."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="choose a row for each layer of this lesson's table",
        text='''\
def choose(problem):
    """Return the name of the implementation to compute a layer with.

    `problem` has batch_size, in_channels, out_channels, height, width, kernel_h, kernel_w,
    stride_h, stride_w, groups and more. For each layer of the lesson's recorded table the row that
    you choose may take at most a quarter longer than the fastest there.
    """
    # Yours: rules, as a library has them. The table of the lesson shows what there is.
    return "torch"
''',
        function="choose",
        claim="choose",
        hints=(
            "Begin with what a layer has nothing of: no sum over channels, no window, no stride.",
            "groups == in_channels, kernel 1×1, a large kernel, 3×3 with stride 1: these four "
            "questions decide most of it.",
            "Read the fastest row of each layer in the table, and find the property that sets the "
            "layer apart.",
        ),
    ),
)
