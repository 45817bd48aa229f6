"""Who comes in: the roles that are shipped, the guard of every route, and the table of both."""
