"""What an editable install finds as `convgauge`: the module of that name in this checkout.

The checkout itself must not stand on the path: its `suite`, `tests` and others would be found
where a user has folders of these names without an `__init__.py`.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location(__name__, Path(__file__).resolve().parents[2] / "convgauge.py")
assert _spec is not None
assert _spec.loader is not None
# Importing this module returns what stands here in its place.
sys.modules[__name__] = module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[__name__])
