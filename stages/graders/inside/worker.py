"""Runs one solution, which may do anything: this process is not trusted, and its supervisor believes nothing it says.

It takes its orders from the socket whose number is its second argument. As a program (`main`) the solution then has
standard input and output to itself; as a function it is called, one order a call.
"""

import json
import os
import resource
import sys
import time

from values import decode, encode


def allow_more_time(seconds):
    """Processor time of this process from now on; its end is SIGXCPU. What was used before does not count."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (min(int(time.process_time()) + 1 + seconds, hard), hard))


def find(names, entry_point):
    """A function of the solution, or a method of its class `Solution`, of which one object is made."""
    if entry_point not in names:
        names[entry_point] = getattr(names["Solution"](), entry_point)
    return names[entry_point]


def work(limits, orders, replies):
    def answer(message):
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    names = {"__name__": "solution"}
    answer({"value": None})
    for line in orders:
        try:
            order = json.loads(line)
            if "main" in order:
                answer({"value": None})
                return order["main"]
            allow_more_time(limits["seconds"])
            if "source" in order:
                exec(compile(order["source"], "solution", "exec"), names)
                answer({"value": None})
            else:
                function = find(names, order["name"])
                answer({"value": encode(function(*decode(order["arguments"]), **decode(order["keywords"])))})
        except BaseException as error:  # SystemExit too: whatever a solution raises is its answer to this call
            answer({"raised": type(error).__name__})


def main():
    limits, control = json.loads(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits["files"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits["seconds"] * limits["cases"] + 2,) * 2)
    allow_more_time(limits["seconds"])
    with os.fdopen(os.dup(control), "w") as replies, os.fdopen(control) as orders:
        program = work(limits, orders, replies)
    if program is not None:
        try:
            exec(compile(program, "solution", "exec"), {"__name__": "__main__"})
        except SystemExit:  # a program may end so, with any status
            pass


if __name__ == "__main__":
    main()
