"""The crash matrix: the gateway is killed at every durable step and every network effect, and counted from outside.

`sites` derives the points from the program's own source, `table` says which scene passes each, `child` is the real
`gateway serve` that kills itself there, `process` keeps it running, `peers` and `world` are everybody around it with
the `books`, `scenes` is the traffic, `matrix` the run. `make crash`; beside it `chaos`, `soak` and `slow`.
"""
