"""The decree as pure functions of values: no I/O, no clock, no import from `gateway`."""
