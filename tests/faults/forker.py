"""A program that has imported everything and forks a process for each line it reads: a run costs no start-up.

A line is a request in JSON: ``program`` (``nirgan``, or ``save``: three checkpoints, one over the other, in the folder
that is the only argument), ``args``, ``cwd``, ``log`` (takes stdout and stderr), ``moment`` (arguments of ``Moments``),
``cpu`` (seconds of processor time after which the process is killed, 0 for never), ``bound`` (permissions
bind it, though the superuser started it). The answer: ``code`` (negative: the signal), ``cpu`` and ``counts``, which a
process that was killed takes with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from moments import Moments

import nirgan.models.asym_cyclegan
import nirgan.models.pix2pix
import nirgan.training  # noqa: F401
from nirgan.cli.app import main
from nirgan.models.weights import WeightsInfo
from nirgan.training.checkpoint import Checkpoints

TICK = 1 / os.sysconf("SC_CLK_TCK")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, run, wait."""
    back, front = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(back)
        be_the_program(request, front)
    os.close(front)
    if request["cpu"]:
        kill_after(child, request["cpu"])
    with open(back, "rb") as pipe:  # noqa: PTH123
        said = pipe.read()
    _, status, usage = os.wait4(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "cpu": usage.ru_utime + usage.ru_stime,
        "counts": json.loads(said) if said else {},
    }


def kill_after(child: int, seconds: float) -> None:
    """Kill when the child has used so much processor time: no matter what else this machine does."""
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) * TICK >= seconds:
            time.sleep(random.random() * TICK)
            os.kill(child, signal.SIGKILL)
            return
        time.sleep(TICK / 4)


def be_the_program(request: dict[str, Any], front: int) -> None:
    """Never returns."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    random.seed()  # all children would be alike where something draws without a seed
    np.random.seed()
    torch.seed()
    os.chdir(request["cwd"])
    signal.alarm(300)  # rather dead than hanging
    if request["bound"]:
        drop_capabilities()
    moments = Moments(*request["moment"])
    moments.watch()
    code = 0
    try:
        {"nirgan": run_nirgan, "save": save}[request["program"]](request["args"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
        code = 1
    os.write(front, json.dumps(moments.counts).encode())
    sys.stderr.flush()
    os._exit(code)


def drop_capabilities() -> None:
    """Let permissions bind this process, also when it is the superuser's (capset(2))."""
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def run_nirgan(args: list[str]) -> None:
    sys.argv = ["nirgan", *args]
    main()


def save(args: list[str]) -> None:
    """Save step 2 over step 1, step 3 over step 2."""
    checkpoints = Checkpoints(Path(args[0]))
    checkpoints.settle()
    for step in (1, 2, 3):
        weights, info = {"w": torch.full((3000,), float(step))}, WeightsInfo(model="toy", task="nir2rgb", step=step)
        checkpoints.save_best(weights, info)
        checkpoints.save_last(weights, info, {"step": step, "moments": [torch.full((3000,), float(step))] * 2})
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
