"""Devices, precision and processes: the only module that knows Lightning Fabric.

Fabric starts the processes, chooses the device and gives the autocast context. Its model wrappers are not used: the
trainer averages each phase's gradients itself (see ``nirgan.training.step``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Literal, NoReturn, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.inference.device import memory_format

Precision = Literal["32", "bf16", "16"]
Value = TypeVar("Value")

_FABRIC_PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
_STRATEGIES = ("auto", "ddp")
_PATIENCE = timedelta(days=1)  # the lead may look at all data alone; a process that dies is noticed at once


class Runtime:
    """One process of a run: its device, its precision, and how it talks to the others.

    Attributes:
        device: Where this process computes.
        precision: ``32``, ``bf16`` or ``16``; the last two only inside ``autocast``.
        rank: Number of this process, from 0; known before ``launch``.
        world: Number of processes of the run.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        devices: int = 1,
        nodes: int = 1,
        strategy: str = "auto",
        precision: Precision = "32",
    ) -> None:
        if strategy not in _STRATEGIES:
            raise NirganError(
                f"strategy '{strategy}' is not one of {', '.join(_STRATEGIES)}: nirgan averages gradients itself, "
                "so strategies that wrap or shard the model do not apply"
            )
        if precision == "16" and not (torch.cuda.is_available() and device in ("auto", "cuda")):
            raise NirganError("precision 16 needs a CUDA device and this is none; use bf16 or 32")
        try:
            self._fabric = Fabric(
                accelerator=device,
                devices=devices,
                num_nodes=nodes,
                strategy=strategy,
                precision=_FABRIC_PRECISION[precision],  # type: ignore[arg-type]  # one of Fabric's own names
            )
        except (MisconfigurationException, ValueError, RuntimeError) as error:
            raise NirganError(
                f"device '{device}' with {devices} devices on {nodes} nodes: {_one_line(error)}"
            ) from None
        self.device: torch.device = self._fabric.device
        self.precision = precision
        self.world = devices * nodes
        self.rank = self._rank(devices)
        self._control: Any = None

    def _rank(self, devices: int) -> int:
        cluster = getattr(self._fabric.strategy, "cluster_environment", None)
        return 0 if cluster is None else cluster.node_rank() * devices + cluster.local_rank()

    @property
    def lead(self) -> bool:
        """Whether this process writes the run."""
        return self.rank == 0

    def launch(self) -> None:
        """Start the other processes (they run this program again, from its start) and connect to them."""
        self._fabric.launch()
        self.rank, self.world = self._fabric.global_rank, self._fabric.world_size
        if self.world > 1:
            # Flags and objects travel by gloo, so that they never wait for the accelerator.
            self._control = dist.new_group(backend="gloo", timeout=_PATIENCE)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
            torch.backends.cudnn.benchmark = True  # training crops all have one size

    # --- computing -------------------------------------------------------------------------------------------------

    def autocast(self) -> AbstractContextManager[Any]:
        """Context in which networks run in the chosen precision."""
        return self._fabric.autocast()

    @property
    def fused(self) -> bool:
        """Whether optimisers may be fused: with fp16 each phase's scaler looks at the gradients in between."""
        return self.precision != "16" and self.device.type in ("cpu", "cuda")

    def scaler(self) -> torch.amp.GradScaler | None:
        """A gradient scaler of its own for each phase, with fp16; else None."""
        return torch.amp.GradScaler(self.device.type) if self.precision == "16" else None

    @property
    def memory_format(self) -> torch.memory_format:
        """Layout of 4-D batches; the weights have it, too."""
        return memory_format(self.device)

    def place(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Move a batch's tensors to the device, pictures in the device's memory format."""
        return {name: self._placed(value) for name, value in batch.items()}

    def _placed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._placed(item) for item in value]
        if not isinstance(value, Tensor):
            return value
        if value.ndim != 4:
            return value.to(self.device, non_blocking=True)
        return value.to(self.device, non_blocking=True, memory_format=self.memory_format)

    @contextlib.contextmanager
    def prediction(self) -> Iterator[None]:
        """Predict on pictures of any size amid training: eager, no search for kernels per size, random state kept."""
        devices = [self.device.index or 0] if self.device.type == "cuda" else []
        search, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, False
        try:
            with torch.random.fork_rng(devices=devices), torch.compiler.set_stance("force_eager"), torch.no_grad():
                yield
        finally:
            torch.backends.cudnn.benchmark = search

    def synchronise(self) -> None:
        """Wait until the device has done what it was given; for measuring time only."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    # --- random state ----------------------------------------------------------------------------------------------

    def random_state(self) -> dict[str, Tensor]:
        """State of this process's global random generators."""
        state = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def restore_random_state(self, state: Mapping[str, Tensor]) -> None:
        """Set the generators back; those of a device that this process does not have are left out."""
        torch.set_rng_state(state["cpu"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)

    # --- processes -------------------------------------------------------------------------------------------------

    def average_(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by its mean over the processes, in one all-reduce."""
        if self.world > 1:
            dist.all_reduce(tensor)  # a sum: gloo has no mean
            tensor.div_(self.world)
        return tensor

    def any(self, flag: bool) -> bool:
        """Whether any process says yes; never waits for the accelerator."""
        if self.world == 1:
            return flag
        votes = torch.tensor([int(flag)])
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self._control)
        return bool(votes.item())

    def gather(self, value: Value) -> list[Value]:
        """The value of every process, by rank, on every process."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value, group=self._control)
        return values

    def broadcast(self, value: Value) -> Value:
        """The lead's value, on every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._control)
        return box[0]

    def from_lead(self, work: Callable[[], Value]) -> Value:
        """What the lead makes of some work, on every process; what it refuses ends the run on all."""
        outcome: tuple[str, Any] = ("", None)
        if self.lead:
            try:
                outcome = ("", work())
            except NirganError as error:
                outcome = (str(error), None)
        words, value = self.broadcast(outcome)
        if words:
            self.fail(words)
        return value

    def fail(self, message: str) -> NoReturn:
        """End the run on all processes for a reason that all of them know; call it on every one.

        The lead raises; the others leave quietly, because the launcher kills the lead when one of them fails.

        Raises:
            NirganError: with the message, on the lead.
        """
        if self.lead:
            raise NirganError(message)
        raise SystemExit(0)

    def finish(self) -> None:
        """Wait for the others and close the connection."""
        if self.world > 1 and dist.is_initialized():
            dist.barrier(group=self._control)
            dist.destroy_process_group()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
