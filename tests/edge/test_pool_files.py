"""Callables that are named by the path of their file, under both Pythons."""

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Dependency, Passing
from pool_harness import TASKS

pytestmark = pytest.mark.usefixtures("each_python")

ROW = """
class Row:
    class Cell:
        pass

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"<{place}: {self.value}>"


def make(value=1):
    return Row(value)


def cell():
    return Row.Cell()


def show(row):
    return f"{row!r} {type(row) is Row}"
"""


@pytest.fixture
def file(tmp_path):
    """Writes a file below a folder of its own."""

    def write(path, text=ROW):
        place = tmp_path / "code" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("{place}", path))
        return str(place)

    return write


async def passed_on(harness, producer, consumer, **options):
    """What becomes of a task that is given the result of another one."""
    made = await harness.run(Call(producer), name="made", **options)
    assert made.state is TaskState.SUCCEEDED, made.cause
    return await harness.run(
        Call(consumer),
        depends_on=(Dependency("made", Passing.ARG),),
        results={"made": made.result},
        **options,
    )


@pytest.mark.parametrize(
    "path", ["a.py", "a b:c/ü.py", "my-tasks.py", "v1.2/x.y.py", "100%.py", "json.py", "queue.py"]
)
async def test_a_file_is_called_whatever_its_name_and_its_result_is_read_elsewhere(harness, file, path):
    outcome = await passed_on(harness, f"{file(path)}:make", f"{file(path)}:show")
    assert outcome.result.repr == repr(f"<{path}: 1> True")
    outcome = await passed_on(harness, f"{file(path)}:cell", "builtins:repr")
    assert "Row.Cell object at" in outcome.result.repr
    outcome = await passed_on(harness, f"{file(path)}:Row.Cell", f"{file('reader.py')}:show")
    assert outcome.result.repr.endswith(" False'")


@pytest.mark.parametrize("name", ["json.py", "queue.py", "concurrent.py"])
async def test_a_file_named_like_a_module_of_the_library_takes_its_place_for_nobody(harness, file, name):
    code = f"import queue, json\nfrom concurrent.futures import ThreadPoolExecutor\n{ROW}"
    code += "\ndef use():\n    with ThreadPoolExecutor(1) as pool:\n"
    code += "        return pool.submit(json.dumps, [type(queue.Queue()).__name__]).result()\n"
    outcome = await harness.run(Call(f"{file(name, code)}:use"))
    assert outcome.result, outcome.cause
    assert outcome.result.repr == repr('["Queue"]')


@pytest.mark.parametrize("name", ["tasks.py", "json.py"])
async def test_two_files_of_one_name_in_two_folders_are_two_modules(harness, file, name):
    one, two = file(f"one/{name}"), file(f"two/{name}")
    outcome = await passed_on(harness, f"{one}:make", f"{two}:show")
    assert outcome.result.repr == repr(f"<one/{name}: 1> False")


async def test_a_result_goes_on_from_file_to_file(harness, file):
    through = "def through(row):\n    return row\n"
    one, two, three = file("one/tasks.py"), file("two/tasks.py", through), file("three/json.py")
    made = await harness.run(Call(f"{one}:make"), name="made")
    for name, target in (("again", f"{two}:through"), ("last", f"{three}:show")):
        made = await harness.run(
            Call(target),
            name=name,
            depends_on=(Dependency("made", Passing.ARG),),
            results={"made": made.result},
        )
    assert made.result.repr == repr("<one/tasks.py: 1> False")


async def test_neighbours_find_each_other_and_what_they_define_is_found_by_readers_elsewhere(harness, file):
    file("one/models.py")
    file("two/models.py", "")
    one = file(
        "one/tasks.py", "import models\nfrom models import make\ndef make():\n    return models.make(2)\n"
    )
    two = file("two/tasks.py", "import models\ndef show(row):\n    return repr(row)\n")
    outcome = await passed_on(harness, f"{one}:make", f"{two}:show")
    assert outcome.result, outcome.cause
    assert outcome.result.repr == repr("<one/models.py: 2>")
    outcome = await passed_on(harness, f"{one}:make", "builtins:repr")
    assert outcome.result.repr == repr("<one/models.py: 2>")


async def test_two_files_of_one_folder_agree_on_what_the_one_imports_from_the_other(harness, file):
    one = file("produce.py")
    two = file("consume.py", "from produce import Row\ndef show(row):\n    return isinstance(row, Row)\n")
    assert (await passed_on(harness, f"{one}:make", f"{two}:show")).result.repr == "True"
    assert (await passed_on(harness, f"{two}:Row.Cell", f"{one}:show")).result.repr.endswith("False'")


async def test_a_file_that_is_on_the_path_is_the_module_that_others_import(harness, file, tmp_path):
    one = file("produce.py")
    file("consume.py", "from produce import Row\ndef show(row):\n    return isinstance(row, Row)\n")
    path = (str(TASKS), str(tmp_path / "code"))
    outcome = await passed_on(harness, f"{one}:make", "consume:show", pythonpath=path)
    assert outcome.result.repr == "True"


async def test_a_neighbour_that_imports_the_file_gets_the_same_module(harness, file):
    file("helper.py", "import tasks\ndef same(other):\n    return tasks.__dict__ is other\n")
    path = file("tasks.py", "import helper\ndef ask():\n    return helper.same(globals())\n")
    assert (await harness.run(Call(f"{path}:ask"))).result.repr == "True"


async def test_a_file_of_a_package_imports_relatively(harness, file):
    file("etl/__init__.py", "NAME = 'etl'\n")
    file("etl/load/__init__.py", "")
    file("etl/models.py")
    code = "from .. import NAME\nfrom ..models import Row\n"
    path = file("etl/load/users.py", code + "def make():\n    return Row(NAME)\n")
    outcome = await passed_on(harness, f"{path}:make", "builtins:repr")
    assert outcome.result, outcome.cause
    assert outcome.result.repr == repr("<etl/models.py: etl>")


async def test_a_file_of_no_package_can_not_import_relatively_and_python_says_so(harness, file):
    file("models.py")
    outcome = await harness.run(Call(f"{file('users.py', 'from .models import Row')}:Row"))
    assert outcome.exception == "ImportError: attempted relative import with no known parent package"
    assert 'users.py", line 1' in outcome.traceback


async def test_what_is_installed_below_the_folder_of_a_file_is_none_of_its_neighbours(
    harness, file, tmp_path
):
    """As where the interpreter's own environment lies beside the file."""
    file(".venv/lib/package.py", "VALUE = 1\n")
    path = file(
        "tasks.py", "import package, files_seen\ndef seen():\n    return sorted(files_seen.modules())\n"
    )
    seen = "sys.modules['_longcase_workers.files'].origins()['modules']"
    file("files_seen.py", f"import sys\ndef modules():\n    return list({seen})\n")
    outcome = await harness.run(Call(f"{path}:seen"), pythonpath=(str(tmp_path / "code" / ".venv" / "lib"),))
    assert outcome.result, outcome.cause
    assert outcome.result.repr == "['files_seen', 'tasks']"


@pytest.mark.parametrize(
    ("path", "text", "exception"),
    [
        ("gone.py", None, "ModuleNotFoundError: there is no file {path}"),
        ("folder.py/x", "", "ModuleNotFoundError: {path} is a folder, no file"),
        ("broken.py", "def f(:\n", "SyntaxError: "),
        ("raises.py", "1 / 0\n", "ZeroDivisionError: "),
        ("few.py", "def ff(): ...\n", "AttributeError: module few ({path}) has no 'f'; near are ff"),
        ("json.py", "def ff(): ...\n", "AttributeError: module "),
        ("one.py", "f = 1\n", "TypeError: {path}:f is of type int, which can't be called"),
    ],
)
async def test_a_file_that_is_none_or_that_fails_says_so(harness, file, path, text, exception):
    place = file("beside").removesuffix("beside") + path.partition("/")[0]
    if text is not None:
        file(path, text)
    outcome = await harness.run(Call(f"{place}:f"))
    assert outcome.state is TaskState.FAILED
    assert outcome.exception.startswith(exception.format(path=place))


async def test_a_reader_whose_producers_file_is_gone_says_so(harness, file, tmp_path):
    path = file("tasks.py")
    made = await harness.run(Call(f"{path}:make"), name="made")
    (tmp_path / "code" / "tasks.py").unlink()
    outcome = await harness.run(
        Call("builtins:repr"), depends_on=(Dependency("made", Passing.ARG),), results={"made": made.result}
    )
    assert outcome.exception == (
        f"ResultError: the result of task 'made' can't be read: ModuleNotFoundError: there is no file {path}"
    )


async def test_a_reader_whose_producers_file_has_changed_says_so(harness, file):
    path = file("tasks.py")
    made = await harness.run(Call(f"{path}:make"), name="made")
    file("tasks.py", "")
    outcome = await harness.run(
        Call("builtins:repr"), depends_on=(Dependency("made", Passing.ARG),), results={"made": made.result}
    )
    assert outcome.exception.startswith(
        "ResultError: the result of task 'made' can't be read: AttributeError: "
    )
