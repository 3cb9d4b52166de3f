"""Tests of C{bench}: of what it makes of what it measures, not of any time."""
