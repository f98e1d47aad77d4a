"""Exercise of the lesson on layouts: how far apart neighbours lie."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="give the strides of a tensor in channels_last, and of its neighbours",
        text='''\
def strides(shape):
    """Return how many elements apart neighbours along N, C, H and W lie in channels_last.

    `shape` is (N, C, H, W), as it stays in torch whatever the layout. In memory the channels of a
    pixel come first, then the next pixel of the row, then the next row, then the next image.
    """
    n, c, h, w = shape
    # Yours: four numbers, in the order of the shape.
    return ...
''',
        function="strides",
        claim="strides",
        hints=(
            "Write the numbers 0, 1, 2, … into a 2×2 picture with 3 channels, pixel by pixel.",
            "Two channels of a pixel are neighbours: the second of the four numbers is 1.",
            "A step to the right passes over c elements, one down over w·c, one to the next image "
            "over h·w·c.",
        ),
    ),
)
