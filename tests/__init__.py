"""The tests; what needs a real server is in L{tests.servers}."""

from . import hypothesis_profiles as hypothesis_profiles
