"""Implementations: registering them, finding them, and telling what each declares.

The names below are what implementations and their tests use.
"""

from suite.declaration import ERROR_FACTORS, FAMILIES, Declaration
from suite.registry.implementation import Implementation
from suite.registry.registering import get, register, registered
from suite.registry.sources import Source, load

__all__ = [
    "ERROR_FACTORS",
    "FAMILIES",
    "Declaration",
    "Implementation",
    "Source",
    "get",
    "load",
    "register",
    "registered",
]
