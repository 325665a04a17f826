"""The process that translates for ``nirgan.bench.translate``: ``python -m nirgan.bench.translate_worker JOB``.

It loads the weights, then answers each line on stdin with one of JSON on stdout: the seconds of one translation, and
the most memory since the weights were loaded, over what there was then.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nirgan.allocator import keep_freed_memory
from nirgan.bench.conventional import plain_layers
from nirgan.bench.translate import WAYS
from nirgan.inference.conditions import resolve_conditions
from nirgan.inference.device import pick_device
from nirgan.inference.padding import reflect_to
from nirgan.inference.run import resize_short_side
from nirgan.inference.tiling import resize_to
from nirgan.inference.translator import Translator
from nirgan.layers.reach import round_up
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo, load_recipe

Translate = Callable[[Tensor], Tensor]


class PeakMemory:
    """The most memory since this object was made, over what there was then.

    On the CPU the process's resident memory (of Linux; the peak of ``getrusage`` elsewhere, which a child takes over
    from the process that started it and so is not used where there is better). On CUDA what torch holds there.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device if device.type == "cuda" else None
        if self._cuda is not None:
            torch.cuda.reset_peak_memory_stats(self._cuda)
            self._start = torch.cuda.memory_allocated(self._cuda)
            return
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is what is resident now
        self._start = _status("VmRSS") or _largest()

    def bytes(self) -> int:
        """Growth up to now."""
        if self._cuda is not None:
            return torch.cuda.max_memory_allocated(self._cuda) - self._start
        return (_status("VmHWM") or _largest()) - self._start


def _status(name: str) -> int:
    """Bytes that ``/proc`` says of this process, 0 where there is none."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _largest() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def translation(recipe: Recipe, info: WeightsInfo, way: str, device: torch.device) -> Translate:
    """A way to translate, as ``WAYS`` names it."""
    tile = WAYS[way]
    if tile is None:
        return conventional(recipe.to(device))
    return Translator(recipe, info, device=device, tile=tile).run


def conventional(recipe: Recipe) -> Translate:
    """The plain way: pad to the network's stride, run it on the whole picture in float32, cut, compose.

    Its layers are those of torch (``plain_layers``).
    """
    plain_layers(recipe)
    conditions = resolve_conditions(recipe, None)
    device = next((p.device for p in recipe.parameters()), torch.device("cpu"))

    @torch.no_grad()
    def run(source: Tensor) -> Tensor:
        full = source.to(device)[None]
        picture = resize_short_side(full, recipe.working_size)
        height, width = picture.shape[-2:]
        padded = reflect_to(picture, *(round_up(max(side, recipe.smallest), recipe.stride) for side in (height, width)))
        raw = resize_to(recipe.predict(padded, conditions), padded)[..., :height, :width]
        return recipe.compose(full, raw)[0]

    return run


def main(job: dict[str, Any]) -> None:
    """Answer until stdin ends."""
    torch.set_num_threads(job["threads"])
    if WAYS[job["way"]] is not None:
        keep_freed_memory()  # as the commands do
    device = pick_device(job["device"])
    recipe, info = load_recipe(Path(job["weights"]))
    translate = translation(recipe, info, job["way"], device)
    source = torch.rand(info.source_channels, *job["size"], generator=torch.Generator().manual_seed(0))
    peak = PeakMemory(device)
    for _ in sys.stdin:
        began = time.perf_counter()
        translate(source).cpu()
        answer = {"seconds": time.perf_counter() - began, "peak_bytes": peak.bytes()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
