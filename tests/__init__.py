"""The tests; what needs a real server is in L{tests.servers}."""

from .support import hypothesis_profiles as hypothesis_profiles
