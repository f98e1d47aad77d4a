"""The regression gate: did a convolution get slower, wrong, bigger or less accurate?"""
