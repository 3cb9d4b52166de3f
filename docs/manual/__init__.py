"""
How the manual is made of its pages. All but C{extension} and C{links} do without
Sphinx, since the tests read the pages, too.
"""
