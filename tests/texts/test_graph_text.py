"""A graph as text shows who can run at once and what each is handed, and stays small."""

from longcase.domain.pipeline import Call, Command, Dependency, Passing, Pipeline, Task
from longcase.texts.graph_text import draw

ARG, KWARG, ENV, STDIN = Passing.ARG, Passing.KWARG, Passing.ENV, Passing.STDIN


CALL = Call("m:f")


def task(name, *edges, action=CALL):
    return Task(name=name, action=action, depends_on=edges)


def drawn(*tasks, width=80):
    lines = draw(Pipeline(name="p", tasks=tasks), width)
    assert max(map(len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)
    return lines


def test_six_tasks():
    assert drawn(
        task("fetch_data"),
        task("validate", Dependency("fetch_data", ARG)),
        task("calculate_stats", Dependency("fetch_data", ARG), Dependency("validate")),
        task("prepare_storage", Dependency("validate", ARG), Dependency("calculate_stats", ARG)),
        task("save_data", Dependency("prepare_storage", ARG)),
        task("generate_report", Dependency("save_data", ARG), Dependency("calculate_stats", KWARG, "stats")),
    ) == [
        "1 ─ fetch_data",
        "2 ─ validate         fetch_data → arg",
        "3 ─ calculate_stats  fetch_data → arg, after validate",
        "4 ─ prepare_storage  validate → arg, calculate_stats → arg",
        "5 ─ save_data        prepare_storage → arg",
        "6 ─ generate_report  save_data → arg, calculate_stats → stats=",
    ]


def test_tasks_that_can_run_at_once_are_bracketed():
    command = task(
        "c", Dependency("b", ENV, "ROWS"), Dependency("d", STDIN), Dependency("a"), action=Command("x")
    )
    assert drawn(task("a"), command, task("b"), task("d")) == [
        "1 ┬ a",
        "  ├ b",
        "  └ d",
        "2 ─ c  b → $ROWS, d → stdin, after a",
    ]


def chain(count):
    return [task("t0")] + [task(f"t{at}", Dependency(f"t{at - 1}", ARG)) for at in range(1, count)]


def test_a_chain_of_thirty_is_shown_in_full():
    lines = drawn(*chain(30))
    assert len(lines) == 30
    assert lines[0] == " 1 ─ t0"
    assert lines[-1] == "30 ─ t29  t28 → arg"


def test_a_fan_of_a_hundred_is_abbreviated():
    fan = [task(f"t{at:02}", Dependency("root", ARG)) for at in range(100)]
    end = task("end", *(Dependency(each.name, ARG) for each in fan))
    assert drawn(task("root"), *fan, end) == [
        "1 ─ root",
        "2 ┬ t00   root → arg",
        "  ├ t01   root → arg",
        "  ├ t02   root → arg",
        "  ├ t03   root → arg",
        "  ├ … 95 more",
        "  └ t99   root → arg",
        "3 ─ end   t00 → arg, t01 → arg, t02 → arg, t03 → arg, 96 more",
    ]


def test_many_that_only_order_are_abbreviated():
    fan = [task(f"t{at}") for at in range(100)]
    end = task("end", *(Dependency(each.name) for each in fan))
    assert drawn(*fan, end)[-1] == "2 ─ end  after t0, t1, t2, t3 and 96 more"


def test_a_chain_of_five_thousand_shows_its_ends():
    lines = drawn(*chain(5000))
    assert len(lines) == 17
    assert lines[11:13] == ["  12 ─ t11    t10 → arg", "   ⋮   4,984 more steps of 4,984 tasks"]
    assert lines[-1] == "5000 ─ t4999  t4998 → arg"


def test_a_graph_of_five_thousand_tasks_is_bounded():
    wide = [
        task(f"t{at}", *(Dependency(f"t{at - 100 - back}") for back in range(3) if at >= 100 + back))
        for at in range(5000)
    ]
    assert len(drawn(*wide)) <= 16 * 6 + 1


def test_long_names_are_cut_and_many_inputs_wrapped_below_each_other():
    long = "n" * 100
    inputs = [task(f"{letter * 20}") for letter in "abcd"]
    last = task(long, *(Dependency(each.name, KWARG, "k" * 10) for each in inputs))
    after = task("z", Dependency(long, KWARG, "k" * 90))
    lines = drawn(*inputs, last, after, width=71)
    assert lines[4:] == [
        f"2 ─ {'n' * 27}…  {'a' * 20} → kkkkkkkkkk=,",
        f"    {'':28}  {'b' * 20} → kkkkkkkkkk=,",
        f"    {'':28}  {'c' * 20} → kkkkkkkkkk=,",
        f"    {'':28}  {'d' * 20} → kkkkkkkkkk=",
        f"3 ─ z{'':27}  {'n' * 36}…",
    ]
