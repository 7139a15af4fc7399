"""The command line's verbs; they translate between arguments and core, as operators do for Blender."""
