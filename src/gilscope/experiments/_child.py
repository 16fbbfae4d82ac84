"""The child process of one experiment: from its name, time and parameters to its raw values."""

import faulthandler
from collections.abc import Callable

from gilscope.experiments._lab import Lab
from gilscope.experiments._spec import NotHere, load
from gilscope.experiments._task import Task
from gilscope.host import child
from gilscope.results.codec import decode, encode


def work(task: object, answer: Callable[[object], None]) -> None:
    order = decode(Task, task, "task")
    faulthandler.dump_traceback_later(order.limit, exit=True)
    with Lab(order.seconds) as lab:
        try:
            data = load()[order.name].run(lab, order.changes)
        except NotHere as reason:
            answer({"not_here": str(reason)})
        else:
            answer({"data": encode(data), "machine": encode(lab.bracket())})


if __name__ == "__main__":
    child.serve(work)
