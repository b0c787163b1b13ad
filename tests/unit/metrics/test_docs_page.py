"""The page of the documentation is the generated one."""

from keter.metrics.docs_page import metrics_page
from tests.kit.support import ROOT


def test_the_committed_page_equals_the_generated_one() -> None:
    path = ROOT / "docs" / "metrics.md"
    assert path.read_text(encoding="utf-8") == metrics_page(), (
        "run: keter config --metrics > docs/metrics.md"
    )
