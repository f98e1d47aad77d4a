"""Honest: an FFT, which adds infinities to themselves and subtracts them; twin of inf_to_nan.

Seen: -
Must be: passed (in check)
"""

from impls.fft import fft
from suite import register


@register("transformed_inf", family="fft", nan_policy="plane")
def transformed_inf(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return fft(input, weight, bias, stride, padding, dilation, groups)
