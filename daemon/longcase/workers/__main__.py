"""Starts a worker: `PYTHON …/workers --fd N`, with the interpreter that the job file names.

With `--check` it only looks at callables, and runs nothing.

Python puts this folder first on the path, where a user's `import results` would find ours. So the folder is
taken off, and what lies in it becomes one private package. The syntax is old enough for any Python to say why
it is refused.
"""

import sys

if sys.version_info < (3, 9):
    sys.exit("Longcase runs tasks with Python 3.9 or newer, and this is %d.%d.%d" % sys.version_info[:3])

if __name__ == "__main__":
    import importlib.util
    import os

    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != os.path.realpath(folder)]
    spec = importlib.util.spec_from_file_location(
        "_longcase_workers", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = package
    spec.loader.exec_module(package)
    part = "inspection" if "--check" in sys.argv else "worker"
    module = importlib.import_module(spec.name + "." + part)
    module.main(int(sys.argv[sys.argv.index("--fd") + 1]))
