"""The workflow's warm process: it has imported what jobs import, and forks a child for each, which saves every job its start.

A job, `python -m wganlib ...`, hands its command line and its standard streams over, and ends as the child ends. Whatever is
killed, nothing stays behind: the process ends with the workflow (its standard input closes), a child with the process (the
kernel sees to it) and with its job (the process sees to it). A job that is not served, or no longer, runs by itself.
"""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

VARIABLE = "WGANLIB_WARM"
"""Tells jobs the warm process's socket, relative to the working folder. Where a user has set it (`off`), none is started."""

SOCKET = ".snakemake/wganlib.sock"

LIBRARIES = ("GOTO_NUM", "MKL_NUM", "NUMEXPR_NUM", "OMP_NUM", "OPENBLAS_NUM", "VECLIB_MAXIMUM")
"""Whose numbers of threads Snakemake sets for each job; the libraries read them when they are loaded."""

OWN = {"_", "OLDPWD", "PWD", "SHLVL", "TEMP", "TEMPDIR", "TMP", "TMPDIR"}
"""Variables in which a job may differ from the warm process, for nothing is decided by them when a library is loaded."""

FIRST = ("wganlib.cli", "torch._dynamo", "wganlib.training.runs", "wganlib.scoring.scorer")
LATER = ("wganlib.collecting.collect", "wganlib.reporting.report", "wganlib.reporting.style")
"""What trainings and scores import, before the first is served; then, while none waits, what other jobs import besides."""

SERVED = ("classifier", "score", "stack", "train")
"""Rules whose jobs make the process worth its start; once it is there, it serves every job of one thread."""

PATIENCE = 20.0
"""Seconds that a job waits to be accepted: about what its own imports take on a busy machine."""

ACCEPTED = b"accepted"

_ALLOCATOR = "JE_ARROW_MALLOC_CONF"
"""Of pyarrow, which starts a thread otherwise."""

_PR_SET_PDEATHSIG = 1

_held: list[object] = []


def start(rules: Iterable[str]) -> None:
    """Start the warm process as a child of this one, and tell jobs of it; where it cannot be, they run by themselves.

    `rules` are those of the jobs of one thread that are to run; one job is as quick by itself.
    Its socket is made here, so that jobs which come while it imports wait in a queue.
    """
    import subprocess

    if VARIABLE in os.environ or sum(rule in SERVED for rule in rules) < 2:
        return
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            os.close(os.pidfd_open(os.getpid()))
            Path(SOCKET).unlink(missing_ok=True)
            listener.bind(SOCKET)
            os.chmod(SOCKET, 0o600)
            listener.listen(128)
        except (AttributeError, OSError):  # not Linux, an old one, or a file system without sockets
            return
        os.environ[VARIABLE] = SOCKET
        process = subprocess.Popen(
            [sys.executable, "-m", "wganlib.warm", str(listener.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | {f"{library}_THREADS": "1" for library in LIBRARIES},
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C reaches a child once, through its job
        )
    _held.append(process)


def hand_over() -> None:
    """Let the warm process run this command line, and end as its child ends; return where it does not."""
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(PATIENCE)
        try:
            server.connect(os.environ[VARIABLE])
            job = ascii((_place(), dict(os.environ), sys.argv)).encode()
            socket.send_fds(server, [b"%8d" % len(job)], [0, 1, 2])
            server.sendall(job)
            if server.recv(8) != ACCEPTED:
                return
        except OSError:
            return
        server.settimeout(None)
        before = signal.signal(signal.SIGINT, lambda *_: server.sendall(b"i"))  # other signals end this job, and so its child
        try:
            status = server.recv(8)
        except OSError:  # nobody was there to be interrupted
            sys.exit(130)
        signal.signal(signal.SIGINT, before)
    if status:
        _end_as(os.waitstatus_to_exitcode(int(status)))
    from wganlib.errors import WganlibError
    from wganlib.files import stop_if_orphaned

    try:
        stop_if_orphaned()
    except WganlibError as error:
        sys.exit(f"error: {error}")
    print("the workflow's warm process is gone; this job begins again by itself", file=sys.stderr, flush=True)


def _end_as(code: int) -> None:
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has but one handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def _place() -> tuple[str, str, dict[str, str]]:
    """What must be equal for a child to be as the job's own process is: interpreter, working folder, environment."""
    return sys.prefix, os.getcwd(), {name: value for name, value in os.environ.items() if name not in OWN}


def _serve(listener: socket.socket) -> tuple[socket.socket, bytes, list[int]]:
    """Fork a child for each job until standard input closes; returns in each child alone, what `_become` takes."""
    import gc
    from importlib import import_module
    from selectors import EVENT_READ, PollSelector

    later, selector = list(LATER), PollSelector()
    selector.register(listener, EVENT_READ)
    selector.register(0, EVENT_READ)
    while True:
        gc.freeze()
        events = selector.select(0 if later else None)
        if not events:
            import_module(later.pop(0))
            continue
        key = events[0][0]
        if key.fd == 0:
            Path(SOCKET).unlink(missing_ok=True)
            os._exit(0)
        elif key.fileobj is listener:
            if len(os.listdir("/proc/self/task")) > 1:
                raise RuntimeError("a child of a process with threads is not what a new process is")
            connection, _ = listener.accept()
            try:
                job = _job(connection)
            except (OSError, ValueError):
                connection.close()
                continue
            child = os.fork()
            if not child:
                for other in selector.get_map().values():
                    if isinstance(other.fileobj, socket.socket):
                        other.fileobj.close()
                    elif other.fd:
                        os.close(other.fd)
                return connection, *job
            for stream in job[1]:
                os.close(stream)
            process = os.pidfd_open(child)
            selector.register(connection, EVENT_READ, process)
            selector.register(process, EVENT_READ, (child, connection))
        elif isinstance(key.fileobj, socket.socket):
            interrupted = _received(key.fileobj)
            signal.pidfd_send_signal(key.data, signal.SIGINT if interrupted else signal.SIGKILL)
            if not interrupted:
                selector.unregister(key.fileobj)
        else:
            child, connection = key.data
            _, status = os.waitpid(child, 0)
            selector.unregister(key.fd)
            os.close(key.fd)
            if connection in selector.get_map():
                selector.unregister(connection)
            with contextlib.suppress(OSError):  # a job that was killed
                connection.sendall(b"%8d" % status)
            connection.close()


def _job(connection: socket.socket) -> tuple[bytes, list[int]]:
    """What a job hands over; one that does not at once is not served.

    Raises:
        OSError, ValueError: it has not.
    """
    connection.settimeout(1)
    size, streams, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as stream:
        job = stream.read(int(size))
    connection.settimeout(None)
    return job, streams


def _received(connection: socket.socket) -> bytes:
    """Something where a job is interrupted, nothing where it is gone."""
    try:
        return connection.recv(1)
    except OSError:
        return b""


def _become(place: object, server: int, connection: socket.socket, job: bytes, streams: list[int]) -> None:
    """Make this child what the job's own process would be; one that cannot be it ends, and its job runs by itself."""
    import ast
    import ctypes
    import io

    from wganlib.files import PARENT_VARIABLE

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(0)
    wanted, environment, sys.argv = ast.literal_eval(job.decode())
    if wanted != place:
        os._exit(0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    del os.environ[_ALLOCATOR]
    os.environ.update(environment)
    os.environ[PARENT_VARIABLE] = str(server)
    connection.sendall(ACCEPTED)
    connection.detach()  # open until this process ends: its job then knows that it has ended


def main() -> None:
    """Serve; in a child run its job's command line."""
    from importlib import import_module

    place, server = _place(), os.getpid()
    os.environ[_ALLOCATOR] = "background_thread:false"
    for name in FIRST:
        import_module(name)
    import_module("wganlib.training.provenance").commit()  # remembered: that of the code that was imported
    _become(place, server, *_serve(socket.socket(fileno=int(sys.argv[1]))))
    _run()


def _run() -> NoReturn:
    """The job's command line. Not by the interpreter's own end, which visits all that was imported and takes half a second."""
    from wganlib.cli import main

    code: object = 0
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
