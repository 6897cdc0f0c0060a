"""The sections of `params.yaml`, a file each, so that a stage depends on those that it reads and on no other."""
