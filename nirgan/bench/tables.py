"""The measurements as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

Result = Mapping[str, Any]


def tables(result: Result) -> list[Table]:
    """One table for each part that was measured."""
    models: Sequence[Result] = result["models"]
    made = [_step_table(models), _operator_table(models), _loader_table(models), _translate_table(models)]
    return [table for table in (*made, _start_table(models)) if table.row_count]


def machine_words(result: Result) -> str:
    """The machine in a line."""
    rates = result["matrix_gflop_per_s"]
    versions = " ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        f"{result['device']} ({result['device_name']}), {result['threads']} threads; matrix products "
        f"{rates['32']:.0f} GFLOP/s in float32, {rates['bf16']:.0f} in bfloat16; {versions}"
    )


def _step_table(models: Sequence[Result]) -> Table:
    table = _table(
        "Training step: images a second, and how many times as fast nirgan is: median of the pairs and their range",
        "model",
        "way",
        "images/s",
        "nirgan is … times as fast",
        "at most",
        "GFLOP a step",
        "GFLOP/s",
        "of matrix rate",
    )
    for model in models:
        step = model.get("step", {})
        for way, speed in step.get("images_per_s", {}).items():
            table.add_row(
                _name(model) if way == "nirgan" else "",
                way,
                _spread(speed),
                _spread(step["times_as_fast"].get(way)),
                f"{step['at_matrix_rate'][way]:.2f}" if way in step["at_matrix_rate"] else "",
                f"{step['gflop'][way]:.3g}",
                f"{step['gflop_per_s'][way]:.3g}",
                f"{step['share_of_matrix_rate'][way]:.0%}",
            )
    return table


def _operator_table(models: Sequence[Result]) -> Table:
    table = _table("Where nirgan's step spends its time, by operator", "model", "operator", "share", "calls")
    for model in models:
        for number, operator in enumerate(model.get("operators", ())):
            name = "" if number else _name(model)
            table.add_row(name, operator["name"], f"{operator['share']:.1%}", str(operator["calls"]))
    return table


def _loader_table(models: Sequence[Result]) -> Table:
    table = _table(
        "Loading: images a second, beside what a step takes",
        "model",
        "way",
        "workers",
        "images/s",
        "times the conventional loader",
        "loading, of a step's time",
    )
    for model in models:
        loader, step, name = model.get("loader", {"measured": (), "failed": {}}), model.get("step"), _name(model)
        for measured in loader["measured"]:
            for way, speed in measured["images_per_s"].items():
                alone = not measured["workers"]  # nothing overlaps then
                need = step["images_per_s"]["nirgan"]["median"] / speed["median"] if step and alone else None
                ratio = _spread(measured["times_as_fast"].get(way))
                share = "" if need is None else f"{need:.1%}"
                table.add_row(name, way, str(measured["workers"]), _spread(speed), ratio, share)
                name = ""
        for way, why in loader["failed"].items():
            table.add_row(name, way, "", escape(why), "", "")
    return table


def _translate_table(models: Sequence[Result]) -> Table:
    table = _table(
        "Translation: seconds for a megapixel, and the most memory over that of the loaded weights",
        "model",
        "picture",
        "way",
        "s/megapixel",
        "times as fast as conventional",
        "peak MiB",
    )
    for model in models:
        for case in model.get("translate", ()):
            size = f"{case['width']}×{case['height']}"
            name = _name(model)
            for way, seconds in case["seconds_per_megapixel"].items():
                ratio, peak = _spread(case["times_as_fast"].get(way)), f"{case['peak_mib'][way]:.0f}"
                table.add_row(name, size, way, _spread(seconds), ratio, peak)
                name = size = ""
            for way, why in case["failed"].items():
                table.add_row(name, size, way, why, "", "")
    return table


def _start_table(models: Sequence[Result]) -> Table:
    table = _table("From the start of nirgan train to its first completed step", "model", "part", "seconds")
    for model in models:
        for number, (part, seconds) in enumerate(model.get("start", {"seconds": {}})["seconds"].items()):
            table.add_row("" if number else _name(model), part, _spread(seconds))
    return table


def _name(model: Result) -> str:
    size = f"batch {model['batch_size']}, {model['crop']} px, {model['precision']}"
    return f"{model['model']} {model['preset']} ({size}{', compiled' if model['compile'] else ''})"


def _spread(values: Mapping[str, float] | None) -> str:
    if values is None:
        return ""
    digits = 3 if abs(values["median"]) < 1 else 2 if abs(values["median"]) < 100 else 0
    median, low, high = (f"{values[key]:.{digits}f}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)  # no brackets in titles: they would be markup
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 or column == "way" else "right")
    return table
