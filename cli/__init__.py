"""The command line. Its verbs translate arguments for core, as operators do for Blender."""
