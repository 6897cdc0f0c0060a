"""Tables -> figures, for the page and for papers."""
