"""
The parts of the manual that are code. Tests read the pages without Sphinx, so only
C{extension}, C{links} and C{objects} import it.
"""
