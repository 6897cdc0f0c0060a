"""Files beside the report that the page loads on demand: samples and hours."""
