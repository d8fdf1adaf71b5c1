"""`python -m billing.rendering`: the warm parent, which the renderer starts for itself."""

from billing.rendering.warm import main

main()
