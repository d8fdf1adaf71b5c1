"""`python -m billing.rendering <folder>`: the warm parent, which the renderer starts for itself."""

import sys
from pathlib import Path

from billing.rendering.warm import main

main(Path(sys.argv[1]))
