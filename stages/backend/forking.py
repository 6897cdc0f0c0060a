"""One process that imports torch, verl and vLLM, and forks the others of a session, which would each take as long for that.

    with forking("stages.backend.local") as python:
        ray.init(runtime_env={"py_executable": python})

`python` is a program in the place of Python's (forked.py): it hands its arguments, environment, folder and open files to the
process that has the modules, whose fork runs them as Python would. The first such program starts that process, in the
environment that Ray gives its workers: Ray's libraries read it once, when they are imported.

A fork has one thread. So no module may start one that holds a lock when it is imported: nobody would release it. And it has a
process group of its own: with a worker Ray ends the worker's whole group.
"""

import fcntl
import gc
import json
import multiprocessing
import os
import runpy
import selectors
import shlex
import signal
import socket
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from stages.backend.forked import NUMBER

PROGRAM = Path(__file__).with_name("forked.py")
MOST_FILES = 253  # that Linux hands from one process to another at once (SCM_MAX_FD, linux/net/scm.h)


@contextmanager
def forking(*modules: str) -> Iterator[str]:
    """The path of a program that starts Python with `modules` imported, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="entropy_bench_") as folder:  # nobody else may enter it
        program = Path(folder, "python")
        command = [sys.executable, "-I", "-S", str(PROGRAM), f"{folder}/socket", ",".join(modules)]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        program.chmod(0o700)
        yield str(program)


def listen(place: str) -> None:
    """Forks for everybody who asks at the socket `place`; in a forked process, runs what was asked for."""
    gc.freeze()  # a collection would write to every object, and so copy what the processes share
    with open(os.devnull, "r+b") as nothing:  # what goes wrong is told on standard error, that of whoever asked first
        for number in (0, 1):
            os.dup2(nothing.fileno(), number)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}.new")
        listener.listen()
        os.rename(f"{place}.new", place)
        request = forked_for(listener)
    multiprocessing.set_executable(str(Path(place).with_name("python")))  # for vLLM's engine
    request.run()


class Request(NamedTuple):
    """What is to run: Python's arguments, the environment, the folder, and open files, here -> where they are expected."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    files: dict[int, int]

    @classmethod
    def receive(cls, connection: socket.socket) -> "Request | None":
        """None where whoever asks has ended before all was said."""
        length, files, _, _ = socket.recv_fds(connection, NUMBER.size, MOST_FILES)
        size = NUMBER.unpack(length)[0] if len(length) == NUMBER.size else 0
        body = connection.recv(size, socket.MSG_WAITALL) if size else b""
        if not size or len(body) < size:
            for file in files:
                os.close(file)
            return None
        arguments, environment, folder, numbers = json.loads(body)
        return cls(arguments, environment, folder, dict(zip(files, numbers, strict=True)))

    def run(self) -> None:
        """Runs it in this process, as Python would."""
        os.setpgid(0, 0)
        free = 1 + max(self.files.values(), default=0)
        above = {fcntl.fcntl(here, fcntl.F_DUPFD_CLOEXEC, free): there for here, there in self.files.items()}
        for here in self.files:
            os.close(here)
        for here, there in above.items():
            os.dup2(here, there)
            os.close(here)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        kind, *rest = without_options(self.arguments)
        if kind == "-c":
            sys.argv = [kind, *rest[1:]]
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(rest[0], "<string>", "exec"), main.__dict__)
        elif kind == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [kind, *rest]
            runpy.run_path(kind, run_name="__main__")


def without_options(arguments: list[str]) -> list[str]:
    """Without Python's options, which multiprocessing repeats: a fork has those of this process."""
    left = iter(arguments)
    for argument in left:
        if argument in ("-c", "-m") or not argument.startswith("-"):
            return [argument, *left]
        if argument in ("-X", "-W"):
            next(left)
    raise ValueError(f"nothing to run in {arguments}")


class Child(NamedTuple):
    pid: int
    connection: socket.socket  # of whoever asked for it


def forked_for(listener: socket.socket) -> Request:
    """Forks for every connection, and tells it when that has ended; returns in the forked process, with what it is to run."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        (key, _), *_ = selector.select()  # one at a time: what it leads to may end the others
        child: Child | None = key.data
        if child is None:
            connection, _ = listener.accept()
            if (request := Request.receive(connection)) is None:
                connection.close()
                continue
            if (pid := os.fork()) == 0:
                for other in [*selector.get_map().values()]:
                    os.close(other.fd) if isinstance(other.fileobj, int) else other.fileobj.close()
                connection.close()
                selector.close()
                return request
            for file in request.files:
                os.close(file)
            with suppress(OSError):  # its end is an event of its own
                connection.sendall(NUMBER.pack(pid))
            child = Child(pid, connection)
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, child)
            selector.register(connection, selectors.EVENT_READ, child)
        elif key.fileobj is child.connection:  # whoever asked has ended
            selector.unregister(child.connection)
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        else:
            selector.unregister(key.fd)
            os.close(key.fd)
            _, status = os.waitpid(child.pid, 0)
            with suppress(OSError):
                child.connection.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
            with suppress(KeyError):
                selector.unregister(child.connection)
            child.connection.close()
