"""Takes memory until it is stopped."""

from suite import register

held = []


@register("hogs", family="direct")
def hogs(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    while True:
        held.append(bytearray(32 * 2**20))
