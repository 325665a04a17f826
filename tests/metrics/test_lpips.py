"""LPIPS: never a download, clear words about where its weights go, and the paper's formula."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchmetrics.functional.image.lpips import _LPIPS

from nirgan.metrics import lpips


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("tried to download")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    return tmp_path


def test_missing_weights_are_a_reason_that_says_where_to_put_them(torch_home: Path) -> None:
    reason = lpips.missing()
    assert reason is not None
    assert str(torch_home / "hub" / "checkpoints") in reason
    assert lpips.BACKBONE in reason
    assert lpips.load_lpips() is None


def test_a_damaged_file_is_not_used(torch_home: Path) -> None:
    lpips.backbone_path().parent.mkdir(parents=True)
    lpips.backbone_path().write_bytes(b"cut short")
    assert "copy it again" in (lpips.missing() or "")
    assert lpips.load_lpips() is None


def test_score_is_the_papers_formula_over_the_networks_features() -> None:
    torch.manual_seed(0)
    net = _LPIPS(pretrained=True, net="alex", pnet_rand=True)  # the learned heads on a random backbone
    x, y = torch.rand(2, 2, 3, 40, 48)
    expected = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        inputs = [net.scaling_layer(2 * p - 1) for p in (x, y)]
        for features_x, features_y, head in zip(*map(net.net, inputs), net.lins, strict=True):
            unit = [f.double() / f.double().norm(dim=1, keepdim=True) for f in (features_x, features_y)]
            weights = head.model[-1].weight.double().flatten()
            expected += torch.einsum("nchw,c->nhw", (unit[0] - unit[1]).square(), weights).mean(dim=(1, 2))
    score = lpips.score_with(net)
    assert score(x.double(), y.double()).tolist() == pytest.approx(expected.tolist(), rel=1e-3)
    assert score(x, x).tolist() == [0, 0]
    assert score(x[..., :30, :], y[..., :30, :]).isnan().all()
    assert score(x[..., :31, :31], y[..., :31, :31]).isfinite().all()
