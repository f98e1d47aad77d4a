"""The one table of what a scenario file may say: names, accepted values, defaults, meanings.

`suite.scenario.sections` checks YAML against it, `suite.scenario.schema` prints it for editors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from suite.conditions import CACHE_STATES, DIRECTIONS, DTYPE_BYTES, MEMORY_FORMATS
from suite.epilogues import EPILOGUES, NONE
from suite.kinds import KINDS
from suite.scenario.kinds import Kind, either, flag, many, padding, sizes, text, whole, word
from suite.scenario.sizes import Sizes
from suite.values import NORMAL, VALUES


class Field(NamedTuple):
    """One thing that a scenario file may set."""

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    """What it is where the file does not say; None: it has to, or the run decides."""
    required: bool = False
    label: str = ""
    """Beginning of its part of a generated id: "k" gives k3."""
    only_in: str | None = None
    """The one section that may set it."""


NAME = text(
    r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,99}",
    "letters, digits and _ . : + -, at most 100, beginning with a letter or digit",
)

IMPLEMENTATIONS = many(text(r"\S+", "a name or glob of implementations"))

FIELDS = (
    Field(
        name="id",
        kind=NAME,
        meaning="Name of the layer, unique in the file. Without it the sizes make one.",
        only_in="layers",
    ),
    Field(
        name="kind",
        kind=word(*KINDS),
        meaning="What is computed, named as torch's function. It says which axes there are: width; "
        "height and width; depth, height and width.",
        default="conv2d",
    ),
    Field(
        name="batch_size",
        kind=whole(0),
        meaning="Images in a batch. 0 is allowed: the result is empty.",
        default=1,
        label="n",
    ),
    Field(
        name="in_channels",
        kind=whole(1),
        meaning="Channels of the input.",
        required=True,
        label="in",
    ),
    Field(
        name="out_channels",
        kind=whole(1),
        meaning="Channels of the output.",
        required=True,
        label="out",
    ),
    Field(
        name="input_size",
        kind=sizes(1),
        meaning="Sizes of the input: one number for all axes, or [height, width].",
        required=True,
    ),
    Field(
        name="kernel_size",
        kind=sizes(1),
        meaning="Sizes of the kernel: one number for all axes, or [height, width].",
        required=True,
        label="k",
    ),
    Field(
        name="stride",
        kind=sizes(1),
        meaning="Steps between outputs along each axis; of a transposed convolution between what "
        "its inputs add to.",
        default=Sizes((1,), is_list=False),
        label="s",
    ),
    Field(
        name="padding",
        kind=padding(),
        meaning="Zeros around the input: all sides, [height, width], or [top, bottom, left, "
        "right]; with three axes [front, back, top, ...], with one [left, right]. valid: none. "
        "same: the output is as large as the input, as in torch: stride 1, "
        "an odd zero goes to the bottom and the right. causal: conv1d with all of same's zeros on "
        "the left. Of a transposed convolution: what is cut off its output, alike on both sides.",
        default=Sizes((0,), is_list=False),
        label="p",
    ),
    Field(
        name="output_padding",
        kind=sizes(0),
        meaning="Of a transposed convolution: what its output is longer at the end of each axis; "
        "smaller than the stride or the dilation.",
        default=Sizes((0,), is_list=False),
        label="op",
    ),
    Field(
        name="dilation",
        kind=sizes(1),
        meaning="Steps between the kernel's elements along each axis.",
        default=Sizes((1,), is_list=False),
        label="d",
    ),
    Field(
        name="groups",
        kind=either(whole(1), word("depthwise")),
        meaning="Groups that the channels fall into; divides both channel counts. depthwise: as "
        "many as in_channels.",
        default=1,
        label="g",
    ),
    Field(
        name="bias",
        kind=flag(),
        meaning="Whether a bias is added.",
        default=False,
    ),
    Field(
        name="epilogue",
        kind=word(*EPILOGUES),
        meaning="What follows at once, forward only: an activation, add (the sum with a residual "
        "of the output's shape), or that sum and then an activation. Rows that fuse it do so; "
        "after the others torch computes it in place, inside of the timed call.",
        default=NONE,
    ),
    Field(
        name="device",
        kind=text(r"cpu|cuda(:[0-9]+)?", "cpu, cuda, cuda:0, cuda:1, ...", ("cpu", "cuda")),
        meaning="Where it runs, unless the command line says otherwise.",
        default="cpu",
    ),
    Field(
        name="dtype",
        kind=word(*DTYPE_BYTES),
        meaning="Number format of input, weight and output.",
        default="float32",
    ),
    Field(
        name="memory_format",
        kind=word(*MEMORY_FORMATS),
        meaning="Order of the elements in memory: NCHW or NHWC.",
        default="contiguous",
    ),
    Field(
        name="direction",
        kind=word(*DIRECTIONS),
        meaning="What is computed: the output, the gradient of the input or of the weight.",
        default="forward",
    ),
    Field(
        name="threads",
        kind=whole(1),
        meaning="CPU threads; without it as many as the run was given.",
        label="t",
    ),
    Field(
        name="cache",
        kind=word(*CACHE_STATES),
        meaning="Caches before each timed call: hot (as the call before left them) or cold "
        "(emptied by other data). Without it hot on CPUs and cold on GPUs.",
    ),
    Field(
        name="values",
        kind=word(*VALUES),
        meaning="Numbers that are timed, of inputs and gradients: normal ones; a network's own "
        "(trained: what `stored_values` holds, else heavy-tailed ones); denormal ones; nine zeros "
        "in ten (sparse90); zeros. Normal ones are checked whatever is timed.",
        default=NORMAL,
    ),
    Field(
        name="weight_values",
        kind=word(*VALUES),
        meaning="The same of weight and bias.",
        default=NORMAL,
    ),
    Field(
        name="stored_values",
        kind=text(r".+\.npz", "the path of an .npz file, as `capture` writes it on request"),
        meaning="File with the layer's weight, bias and some of its input, in the scenario file's "
        "folder or below: what `trained` takes.",
        only_in="layers",
    ),
    Field(
        name="occurrences",
        kind=whole(1),
        meaning="How often the layer stands in its network: its weight in totals.",
        default=1,
        only_in="layers",
    ),
)
BY_NAME = {entry.name: entry for entry in FIELDS}
REQUIRED = tuple(entry.name for entry in FIELDS if entry.required)
LAYER_FIELDS = FIELDS
SHARED_FIELDS = tuple(entry for entry in FIELDS if not entry.only_in)
"""What defaults, grid and exclude may set."""

TABLE_FIELDS = (
    Field(
        name="file",
        kind=text(r".+", "the path of a file with layers"),
        meaning="File with one layer a line, in the scenario file's folder or below.",
        required=True,
    ),
    Field(
        name="format",
        kind=word("csv", "miopen", "benchdnn"),
        meaning="csv: a table with a header. miopen: command lines of MIOpenDriver, as MIOpen "
        "logs them. benchdnn: problems of oneDNN's benchdnn. Without it what the file looks like.",
    ),
    Field(
        name="sample",
        kind=whole(1),
        meaning="Draw this many rows without replacement; without it all rows are taken.",
    ),
    Field(
        name="seed",
        kind=whole(0),
        meaning="The same seed draws the same rows on every machine; without it 0.",
    ),
    Field(
        name="weight",
        kind=text(r".+", "the name of one of the table's columns"),
        meaning="Column that says how probable a row is drawn. Rows drawn by occurrences each "
        "stand for an equal share of them, so their own occurrences are 1.",
    ),
)

SECTIONS = {
    "name": "Stands before each scenario's id. Without it the file's own name.",
    "description": "What the file shows, in a sentence.",
    "implementations": "What a run of this file measures unless others are asked for: names or "
    "globs. Without it every implementation. Plug-ins always take part.",
    "defaults": "What holds wherever nothing else is said.",
    "grid": "Every combination of these values. A list is a list of alternatives, so a "
    "[height, width] stands in a list itself: [[1, 9], [9, 1]].",
    "layers": "Scenarios one by one.",
    "layers_from": "Scenarios from a table or list: all rows or a weighted sample.",
    "exclude": "Combinations left out of the grid: those that have all these values.",
}
