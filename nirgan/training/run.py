"""A run's folder: where it is, whether it may be written, what it was started with."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import torch

from nirgan.config import RunConfig, check, check_limits, dump, merge, read_yaml
from nirgan.data.places import absolute, anchored
from nirgan.errors import NirganError
from nirgan.files import PARTS, remove_parts, write_whole
from nirgan.runs import CONFIG, RUNS, last_written

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_NO_ROOM = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS")
_PACKAGES = ("nirgan", "torchvision", "lightning-fabric", "numpy", "albumentations", "opencv-python-headless")
FREE_ON_RESUME = ("steps", "epochs", "minutes", "device", "devices", "nodes", "workers")
"""Settings that may be given anew when a run goes on."""
_CHOSEN = ("validation", "metric")
"""Stands in the run's settings where none was given, so that giving none again differs in nothing."""


def new_folder(out: Path | None, model: str) -> Path:
    """The folder of a new run: ``out``, else ``runs/<model>-<date>-<time>``.

    Raises:
        NirganError: if ``out`` holds a run or anything else.
    """
    if out is None:
        name = f"{model}-{datetime.now():%Y%m%d-%H%M%S}"
        names = (RUNS / (name if number == 1 else f"{name}-{number}") for number in range(1, 10_000))
        return next(folder for folder in names if not folder.exists())
    if (out / CONFIG).is_file():
        raise NirganError(f"{out}: there is a run already; go on with --resume --out {out}, or give another --out")
    if out.exists() and not _is_unused(out):
        raise NirganError(f"{out}: exists and is not an empty folder; give another --out")
    return out


def folder_to_resume(out: Path | None) -> Path:
    """The folder of the run to go on with: ``out``, else the newest under ``runs``.

    Raises:
        NirganError: if there is none under ``runs``, or ``out`` holds something else.
    """
    if out is not None:
        if not (out / CONFIG).is_file() and not _is_unused(out):
            raise NirganError(f"{out}: no run to resume there; start one without --resume")
        return out
    runs = [path.parent for path in RUNS.glob(f"*/{CONFIG}")]
    if not runs:
        raise NirganError(f"{RUNS}: no run to resume; start one without --resume, or name it with --out")
    return max(runs, key=last_written)


def resumed_config(folder: Path, given: Mapping[str, Any]) -> RunConfig:
    """Settings of an interrupted run with what may change put over them.

    Args:
        folder: The run's.
        given: Settings that the user gave explicitly, nested as in the file.

    Raises:
        NirganError: if one that may not change differs; it is named with both values.
    """
    check_limits(given, "settings")
    if isinstance(given.get("data"), list):
        given = {**given, "data": [anchored(str(spec)) for spec in given["data"]]}
    cache = _value(given, ("dataset", "disk_cache"))
    if isinstance(cache, str) and cache:
        given = merge(dict(given), {"dataset": {"disk_cache": absolute(cache)}})
    path = folder / CONFIG
    stored = check(read_yaml(path), str(path)).model_dump()
    checked = check(merge(stored, {"steps": None, "epochs": None, "minutes": None}, given), "settings").model_dump()
    for key in _leaves(given):
        old, new = _value(stored, key), _value(checked, key)
        if key[0] not in FREE_ON_RESUME and old != new:
            name = ".".join(key)
            raise NirganError(f"{name} is {old!r} in {path}, but {new!r} was given: leave it out, or start a new run")
    changes = {key: given[key] for key in FREE_ON_RESUME if given.get(key) is not None}
    if any(key in changes for key in ("steps", "epochs", "minutes")):
        changes = {"steps": None, "epochs": None, "minutes": None, **changes}
    return check({**stored, **changes}, str(path))


class RunFolder:
    """The folder of the run that this process writes; while it is held, no other process may.

    Args:
        path: Made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: BinaryIO | None = None

    def hold(self) -> None:
        """Lock the folder until ``release`` or the end of the process, however it ends; clear up after a killed one.

        Raises:
            NirganError: if another process writes this run.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / LOCK).open("ab+", buffering=0)  # nothing may be left to write when it is closed
        except OSError as error:
            raise self.unwritable(error) from None
        if fcntl is not None:
            try:
                # A record lock: it ends with this process and is not handed on to loader workers.
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                owner = lock.read().decode().strip() or "another process"
                lock.close()
                raise NirganError(
                    f"{self.path}: {owner} is writing this run; wait for it, or give another --out"
                ) from None
        self._lock = lock
        try:
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            remove_parts(self.path)
        except OSError as error:
            raise self.unwritable(error) from None

    def stopped_by(self, error: OSError) -> NirganError:
        """What to say when the system refused something that training needs, a write in the folder or anything else."""
        place = None if error.filename is None else Path(str(error.filename)).absolute()
        inside = place is not None and place.is_relative_to(self.path.absolute())
        if inside or errno.errorcode.get(error.errno or 0) in _NO_ROOM:
            return self.unwritable(error)
        where = "" if error.filename is None else f"{error.filename}: "
        return NirganError(f"{where}{error.strerror or error}: training stopped there; mend that and {self._again()}")

    def unwritable(self, error: OSError) -> NirganError:
        """What to say when a write in the folder failed: the disk is full, or may not be written."""
        where = error.filename or self.path
        return NirganError(f"{where}: cannot be written ({error.strerror}): make that possible and {self._again()}")

    def _again(self) -> str:
        if (self.path / CONFIG).is_file():
            return f"go on with nirgan train --resume --out {self.path}"
        return "start again, or give another --out"

    @property
    def held(self) -> bool:
        """Whether this process writes here."""
        return self._lock is not None

    def release(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Remove a folder that this process made and holds."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            if self.path.parent == RUNS:
                with suppress(OSError):  # other runs are there
                    RUNS.rmdir()

    def write_config(self, config: RunConfig) -> None:
        """Write ``config.yaml``."""
        write_whole(self.path / CONFIG, dump(config).encode())

    def write_environment(self) -> None:
        """Write ``environment.json``: versions, machine, threads, git state and command line; of resumes, too."""
        path = self.path / "environment.json"
        try:
            started = json.loads(path.read_bytes())
            started["resumed"] = [*started.get("resumed", []), environment()]
        except (OSError, ValueError, AttributeError, TypeError):  # none yet, or not ours
            started = environment()
        write_whole(path, (json.dumps(started, indent=2) + "\n").encode())


def environment() -> dict[str, Any]:
    """What a run's numbers may depend on besides its settings."""
    versions = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    machine = {"host": socket.gethostname(), "system": platform.platform(), "cpus": os.cpu_count(), "gpus": gpus}
    return {
        "versions": {"python": platform.python_version(), **versions, "torch": torch.__version__},
        "machine": machine,
        "threads": torch.get_num_threads(),
        "git": _git_state(),
        "command": sys.argv,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _git_state() -> dict[str, Any] | None:
    def git(*arguments: str) -> str:
        where = str(Path(__file__).parent)
        return subprocess.run(
            ["git", "-C", where, *arguments], capture_output=True, text=True, timeout=5, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(changed)}
    except (OSError, subprocess.SubprocessError):  # no git, or no checkout
        return None


def _is_unused(folder: Path) -> bool:
    """Whether there is nothing but what a run leaves that was killed before its settings were written, if that."""
    return folder.is_dir() and all(path.name == LOCK or path.match(PARTS) for path in folder.iterdir())


def _leaves(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*prefix, key))
        elif value is not None or (prefix and (*prefix, key) != _CHOSEN):
            yield (*prefix, key)


def _value(values: Any, key: tuple[str, ...]) -> Any:
    for part in key:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
