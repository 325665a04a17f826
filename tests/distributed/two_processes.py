"""Program that the distributed tests start: trains the toy on given pairs; the launcher starts it again for rank 1."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import torch
from toy_training import toy_config

from nirgan.monitoring.progress import Silent
from nirgan.training import train

if __name__ == "__main__":
    torch.set_num_threads(1)
    pairs, out, settings = sys.argv[1:]
    given = json.loads(settings)
    resume = given.pop("resume", False)
    result = train(
        None if resume else toy_config(Path(pairs), **given),
        out=Path(out),
        resume=resume,
        given=given,
        progress=Silent(),
    )
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(json.dumps({"steps": result.steps, "val": result.val}))
