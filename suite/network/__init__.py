"""Networks: which row each of their convolutions gets, and the proof that it is faster and right.

Plans are made on copies; the caller's network changes in the last step alone (`suite.modules`):

    optimising ─► preparing      copies, folded and in other formats ◄── survey: one pass, every
                                 convolution as it was called
               ─► trying         rows tried inside the network ◄── choosing, candidates, deciding
                                 each layer and the whole against float64 ◄── verifying
               ─► settling       whole passes before and after ◄── proving, deciding; rolled back
               ─► committing     all of it or nothing; the way back

    benches ⇄ child/process ─► child/forked ─► bench    passes of variants, in fresh processes

What it came to is a `suite.results.network.NetworkOutcome`.
"""
