"""`--verify`: whether a copy was needed, by who wrote which side while the result was in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from numpy_bridge.auditing.run import run
from numpy_bridge.auditing.verification import Verification

pytest.importorskip("torch", reason="most rows copy to torch")

SOURCE, RESULT = "needed: the source was written", "needed: the result was written"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("y = torch.tensor(a)", "safe to share"),
        ("y = torch.tensor(a)\ndel y\na[0] = 1", "safe to share"),
        ("y = torch.tensor(a)\na[0] = 1", SOURCE),
        ("y = torch.tensor(a)\na[0] = 1\ndel y", f"{SOURCE} before FILE:7"),
        ("y = torch.tensor(a)\ny += 1", RESULT),
        ("y = torch.tensor(a).view(2, 2)\ny[0] = 1\ny = 0", f"{RESULT} before FILE:7"),
        ("y = torch.tensor(a).view(2, 2)\ndel y\na[0] = 1", "safe to share"),
        ("y = np.array(t)\nt += 1", SOURCE),
        ("y = np.array(t)[1:]\ny[0] = 5", RESULT),
        ("y = np.array(t)[1:]\ny[0] = 5\ndel y", f"{RESULT} before FILE:7"),
        ("y = np.array(t)\ndel y\nt += 1", "safe to share"),
        ("y = np.array(t[1:])\nt[0] += 1", "safe to share"),
        ("y = torch.tensor(a.astype('f4'))", "safe to share"),
        ("block = bytearray(8)\ny = np.array(block)\nblock.extend(b'1')\ndel y", f"{SOURCE} before FILE:8"),
        (
            "for i in range(3):\n    y = torch.tensor(a)\n    del y\n    a[0] = i",
            "safe to share in all 3 uses",
        ),
        (
            "for i in range(3):\n    y = torch.tensor(a)\n    a[0] = i + 1",
            f"needed in 3 of 3 uses: {SOURCE[8:]}",
        ),
        ("for i in range(200):\n    torch.tensor(a)", "safe to share in all 100 uses"),
        ("y = torch.tensor(a.astype('i4'), dtype=torch.bfloat16)", "safe to share"),
        ("y = torch.tensor(t.bfloat16())", "safe to share"),
    ],
)
def test_what_is_written(text: str, checked: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(f"import numpy as np\nimport torch\na = np.zeros(4)\nt = torch.zeros(4)\n{text}\n")
    verification = Verification()
    done = run([str(file)], listener=verification)
    assert done.status == 0
    verification.finish(done.log)
    (found,) = done.log.hidden
    said = found.checked
    if "in 3 of 3" in checked:
        said = said.partition(" before")[0]
    assert said == checked.replace("FILE", str(file))
