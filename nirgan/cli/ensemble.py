"""The options of a self-ensemble, which translating and scoring share."""

from __future__ import annotations

from typing import Annotated

import typer

Ensemble = Annotated[
    bool,
    typer.Option("--ensemble", help="Mean of the answers to the picture and its mirror image: takes twice as long."),
]
Symmetries = Annotated[
    int | None,
    typer.Option(
        metavar="2|4|8",
        help="An ensemble of so many: 2 as --ensemble, 4 all flips, 8 rotations by 90° too; takes as many times as "
        "long. 4 and 8 are for models trained on pictures that lie any way (dataset.augment.rotate90).",
    ),
]
