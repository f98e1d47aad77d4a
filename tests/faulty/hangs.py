"""Never returns."""

import time

from suite import register


@register("hangs", family="direct")
def hangs(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    while True:
        time.sleep(1)
