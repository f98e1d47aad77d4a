"""What parents and children say to each other: a frozen dataclass for each request and reply.

A room of its own, below both ends: measuring/ and worker/ import it, and neither the other. The
parent trusts no reply: what an annotation here does not allow never gets in (see `suite.records`).
"""
