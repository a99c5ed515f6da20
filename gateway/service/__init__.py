"""Joins the stages: one module a journey, from something that arrives to something that is settled.

Promises: decide first (pure values), then do it in one commit; an answer leaves only after its commit.
Fails: `Refusal` towards callers; whatever else goes wrong stays in the journey's own module.
"""
