"""What all tests of the library share: a property holds or not, however busy the machine is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("selfboot", deadline=None)
settings.load_profile("selfboot")
