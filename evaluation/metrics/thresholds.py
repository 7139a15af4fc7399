"""Where the field draws its lines. Imports nothing: the command line's help names them."""

RECALLS = (5.0, 15.0, 30.0)  # degrees, of RRA and RTA
