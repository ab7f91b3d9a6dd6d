"""An app that tries to get out, and one that it is after."""
