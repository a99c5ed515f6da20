"""`gateway demo`: real notices through two real gateways, a real mail server and real certificates, on loopback.

Promises: nothing is simulated: the hub and the edge are processes of this program with configurations and keys of their
own; every row of the table is something that was observed from outside.
Fails: `DemoFailed` with the expectation that did not hold.
"""
