"""docs/losses.md says which loss goes with which dense head as it is."""

import pytest
from doc_blocks import ROOT
from head_table import table


@pytest.mark.usefixtures('mmdet_scope')
def test_the_table_of_losses_and_heads_is_true():
    assert table() in (ROOT / 'docs' / 'losses.md').read_text()
