"""One module a verb: HELP, add_arguments(parser) and run(arguments, output).

All of them are imported for --help, so what loads torch or Blender is imported inside the functions that need it.
"""
