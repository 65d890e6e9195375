"""Whatever happens in whatever order, a run stands where a reckoning from scratch says it stands."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.graphs import acyclic, closure
from domain.runs import ended
from longcase.domain.graph import Graph
from longcase.domain.outcome import ENDS, FAILURES, RunState, TaskState
from longcase.domain.policy import RetryPolicy
from longcase.domain.run import Run


def reckon(edges, history):
    """The state of every task and who blocked it, from the list of (call, task, end state) so far."""
    states, blocked_by = {}, {}
    stopped = False
    for call, task, state in history:
        stopped = stopped or call == "stop"
        spreads = state in FAILURES or (state is TaskState.CANCELLED and not stopped)
        if call == "begin":
            states[task] = TaskState.RUNNING
        elif call == "retry":
            states[task] = TaskState.READY
        elif call in ("end", "end for now"):
            states[task] = state if call == "end" else TaskState.WAITING
        if call == "end" and spreads:
            reached = [name for name in closure(edges, task) if name not in states]
            cancelled = state is TaskState.CANCELLED
            states |= dict.fromkeys(reached, TaskState.CANCELLED if cancelled else TaskState.BLOCKED)
            blocked_by |= {} if cancelled else dict.fromkeys(reached, task)
    for name, needed in edges.items():
        free = all(states.get(other) is TaskState.SUCCEEDED for other in needed)
        states.setdefault(name, TaskState.READY if free else TaskState.WAITING)
    return states, blocked_by


class RunMachine(RuleBasedStateMachine):
    @initialize(edges=acyclic(max_size=9), data=st.data())
    def start(self, edges, data):
        self.edges = edges
        retries = {name: data.draw(st.integers(0, 2), label=f"retries of {name}") for name in edges}
        self.attempts_left = {name: count + 1 for name, count in retries.items()}
        graph = Graph.of(edges)
        self.run = Run(graph, {name: RetryPolicy(retries=count) for name, count in retries.items()})
        self.replayed = dict.fromkeys(edges, TaskState.WAITING)
        self.history = []
        self.stopped = False
        self.note(*self.run.start())

    def note(self, *moves):
        """Replay moves as a reader of the journal would, who has nothing else."""
        for move in moves:
            assert self.replayed[move.task] is move.before
            self.replayed[move.task] = move.after

    def tasks(self, state):
        return [name for name, found in self.run.states.items() if found is state]

    def waiting_for_an_attempt(self):
        return [name for name in self.tasks(TaskState.WAITING) if self.run.attempt(name)]

    def can_begin(self):
        return not self.stopped and bool(self.tasks(TaskState.READY))

    @precondition(can_begin)
    @rule(data=st.data())
    def begin(self, data):
        task = data.draw(st.sampled_from(self.tasks(TaskState.READY)))
        self.note(self.run.begin(task))
        self.history.append(("begin", task, None))
        self.attempts_left[task] -= 1

    @precondition(lambda self: self.tasks(TaskState.RUNNING))
    @rule(data=st.data(), succeeds=st.booleans(), state=st.sampled_from(sorted(ENDS)))
    def end(self, data, succeeds, state):
        task = data.draw(st.sampled_from(self.tasks(TaskState.RUNNING)))
        state = TaskState.SUCCEEDED if succeeds else state
        again = state in FAILURES and self.attempts_left[task] > 0
        assert self.run.may_retry(task) == (self.attempts_left[task] > 0)
        self.note(*self.run.record(task, ended(state)))
        self.history.append(("end for now" if again else "end", task, state))

    @precondition(lambda self: self.waiting_for_an_attempt())
    @rule(data=st.data())
    def retry(self, data):
        task = data.draw(st.sampled_from(self.waiting_for_an_attempt()))
        self.note(self.run.retry(task))
        self.history.append(("retry", task, None))

    @precondition(lambda self: len(self.history) > 6 or self.run.finished)
    @rule()
    def stop(self):
        self.run.stop()
        self.stopped = True
        self.history.append(("stop", "", None))

    @invariant()
    def every_task_stands_where_the_reckoning_says(self):
        states, blocked_by = reckon(self.edges, self.history)
        assert dict(self.run.states) == states
        assert {name: self.run.blocked_by(name) for name in self.edges} == {
            name: blocked_by.get(name) for name in self.edges
        }

    @invariant()
    def the_moves_replay_to_the_states(self):
        assert self.replayed == dict(self.run.states)

    @invariant()
    def running_and_finished_agree_with_the_states(self):
        states = list(self.run.states.values())
        assert self.run.running == states.count(TaskState.RUNNING)
        over = all(state in ENDS or state is TaskState.BLOCKED for state in states)
        assert self.run.finished == (over or (self.stopped and self.run.running == 0))

    @invariant()
    def the_state_of_the_run_follows_from_its_tasks(self):
        assert self.run.state is self.expected_state()

    def expected_state(self):
        if not self.run.finished:
            return RunState.RUNNING
        calls = [call for call, _, _ in self.history]
        after_stop = self.history[calls.index("stop") :] if self.stopped else []
        cut_short = any(state is TaskState.CANCELLED for _, _, state in after_stop)
        states = set(self.run.states.values())
        if cut_short or states & {TaskState.WAITING, TaskState.READY}:
            return RunState.INTERRUPTED
        if states & FAILURES:
            return RunState.FAILED
        return RunState.CANCELLED if TaskState.CANCELLED in states else RunState.SUCCEEDED


TestRunSteps = RunMachine.TestCase
TestRunSteps.settings = settings(max_examples=150, stateful_step_count=40)
