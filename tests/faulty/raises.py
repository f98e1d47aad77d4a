"""Raises, and prints a good deal before."""

from suite import register

print("importing")


@register("raises", family="direct")
def raises(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    print("about to fail")
    raise ValueError("no luck today")
