"""One technology a module; edges do not know each other."""
