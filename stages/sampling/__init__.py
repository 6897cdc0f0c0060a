"""The one place that knows EvalScope, which puts the problems to a served model and stores its samples."""
