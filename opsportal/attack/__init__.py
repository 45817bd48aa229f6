"""`./ops attack`: whole portals of its own in scratch folders, attacked one way after the other, and a verdict of each.

It knows the portal from outside: the REST interface, the pages, the database's rows, and the systems under care.
"""
