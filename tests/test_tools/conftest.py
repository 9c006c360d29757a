import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
# At the end: names as plain as 'plot' shall not hide anything.
sys.path += [str(TOOLS), str(TOOLS / 'dataset_converters')]
