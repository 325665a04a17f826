"""The settings of a run, typed. One YAML file per run holds all of them; see ``nirgan.config.load``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_word(value: Any) -> Any:
    # YAML reads 32 as a number.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Section(BaseModel):
    """A part of the settings: unknown keys and wrong types are errors, values are never converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=False, allow_inf_nan=False)


class OptimiserOverride(Section):
    """Replaces a phase's own optimiser settings where given; None keeps the recipe's."""

    name: Literal["adam", "adamw", "sgd", "adadelta"] | None = None
    lr: Annotated[float, Field(gt=0)] | None = None
    beta1: Annotated[float, Field(ge=0, lt=1)] | None = None
    beta2: Annotated[float, Field(ge=0, lt=1)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    schedule: Literal["constant", "linear", "cosine", "steps"] | None = None
    hold: Annotated[float, Field(ge=0, le=1)] | None = None
    warmup_steps: Annotated[int, Field(ge=0)] | None = None


class Ema(Section):
    """Moving average of the networks that translate: the weights that are validated and saved."""

    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """0 turns it off."""


class Checkpoint(Section):
    """When training state is written."""

    every_steps: Annotated[int, Field(ge=1)] = 500


class Validation(Section):
    """Scores on the validation split during training."""

    every_steps: Annotated[int, Field(ge=0)] = 500
    """0 turns validation off; `best` is then the last."""
    images: Annotated[int, Field(ge=0)] = 16
    """At most this many pictures, spread evenly over the split; 0 takes all."""
    metric: Literal["psnr", "psnr_gain", "ssim", "ae", "delta_e"] | None = None
    """Chooses the best checkpoint. None takes ``ssim`` for nir2rgb, where PSNR would choose the dullest (exposure,
    which no source holds, rules it), and ``delta_e`` for gray2rgb, where lightness is given and SSIM free."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Stop after this many validations without a better score; 0 never stops early."""

    def metric_for(self, task: str) -> str:
        """The metric that chooses in a run for this task."""
        return self.metric or ("delta_e" if task == "gray2rgb" else "ssim")


class Logging(Section):
    """What a run writes while it runs."""

    every_steps: Annotated[int, Field(ge=1)] = 20
    samples_every_steps: Annotated[int, Field(ge=0)] = 250
    """Steps between sample grids; 0 turns them off."""
    samples: Annotated[int, Field(ge=1, le=32)] = 4


class Augmentation(Section):
    """Random changes to training pictures: geometry shared by a registered pair, photometry on the source alone.

    Each strength is drawn for each crop, from nothing up to the setting, unless its own words say otherwise. See what
    settings do with ``nirgan data preview --set dataset.augment.NAME=VALUE``.
    """

    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability of a horizontal flip."""
    rotate90: bool = False
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Crop sides are drawn from crop x (1 - scale) to crop x (1 + scale) and resized."""
    visible: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of visible light in the source of a registered pair: grey of its target, red, green and blue weighed at
    random, as filters leak and films differ."""
    blur: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Source defocus: standard deviation of a Gaussian in pixels of the crop."""
    vignetting: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    """Share of light that the source's farthest corner loses, by cos^4, around a centre drawn in the crop."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Source exposure factor drawn from 1 - b to 1 + b."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Source stretched around the crop's mean by a factor drawn from 1 - c to 1 + c."""
    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Source exponent drawn from 1 - g to 1 + g."""
    shot_noise: Annotated[float, Field(ge=0, le=0.05)] = 0.0
    """Variance of the source's noise over its value: one over the electrons of a full pixel. 0.0001 is a good camera in
    daylight, 0.005 one at its highest gain."""
    row_noise: Annotated[float, Field(ge=0, le=0.1)] = 0.0
    """Standard deviation of an offset to each row of the source."""
    noise: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Standard deviation of Gaussian sensor noise on the source, the same everywhere and in every crop."""


class DataSettings(Section):
    """How the pictures are read and served."""

    cache_mb: Annotated[int, Field(ge=0)] = 2048
    """Decoded pictures kept in memory, per process, at most this much; 0 keeps none."""
    disk_cache: str | None = None
    """Folder that keeps decoded pictures between epochs and runs, for sets that do not fit into memory. None keeps
    none, because they take several times the room of their files, which nobody should find taken unasked."""
    disk_cache_mb: Annotated[int, Field(ge=0)] = 100_000
    """At most this much in that folder, whoever wrote it."""
    val_share: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    test_share: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    max_pixels: Annotated[int, Field(ge=1)] = 400_000_000
    """A picture with more pixels is refused before it is decoded."""
    augment: Augmentation = Augmentation()


class Features(Section):
    """Pretrained feature networks of recipes that use them."""

    pretrained: bool = True
    """False leaves them random, as the recipe's own option does: then this is false, too."""


HOUSE = "nirgan-base"
"""The recipe that was found by experiment, for pairs and for photographs."""


class RunConfig(Section):
    """Every setting of a training run, resolved; written to ``config.yaml`` in the run's folder.

    Limits: give one of ``steps``, ``epochs`` and ``minutes``, or none for the recipe's own length.
    """

    model: str = HOUSE
    preset: str = "paper"
    options: dict[str, Any] = {}
    """The recipe's own options, checked against its constructor."""
    task: Literal["nir2rgb", "gray2rgb"] | None = None
    """None takes the recipe's first."""
    data: list[str] = []
    """Folders or names of cards; empty: the built-in scenes."""
    pairing: Literal["registered", "unregistered", "unpaired"] | None = None
    """None takes what the data layout says."""
    band: Annotated[int, Field(ge=1)] | None = None
    full_scale: Annotated[float, Field(gt=0)] | None = None
    init_from: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    steps: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 4
    """Samples per process and micro-batch."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Micro-batches whose gradients are averaged in one step, as so many processes would; where a method has several
    phases, their forward graphs are held together, so that this is no way to save memory."""
    crop: Annotated[int, Field(ge=8)] = 256
    """Side of the training crop in pixels."""

    precision: Annotated[Literal["32", "bf16", "16"], BeforeValidator(_as_word)] = "32"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Annotated[int, Field(ge=1)] = 1
    nodes: Annotated[int, Field(ge=1)] = 1
    strategy: str = "auto"
    compile: bool = False
    sync_batch_norm: bool = False
    workers: Annotated[int, Field(ge=0)] = 0
    clip_grad_norm: Annotated[float, Field(ge=0)] = 0.0
    """Largest gradient norm of a phase; 0 does not clip."""

    optimiser: OptimiserOverride = OptimiserOverride()
    """For every phase."""
    phases: dict[str, OptimiserOverride] = {}
    """For one phase by name, over ``optimiser``."""
    ema: Ema = Ema()
    checkpoint: Checkpoint = Checkpoint()
    validation: Validation = Validation()
    logging: Logging = Logging()
    dataset: DataSettings = DataSettings()
    features: Features = Features()
