"""Tests of the whole gateway by programs that know nothing of it but its document."""
