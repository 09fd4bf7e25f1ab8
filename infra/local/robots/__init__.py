"""A small fleet of simulated storage robots, speaking JSON after VDA 5050 2.1 over MQTT.

Where it departs from VDA 5050, on purpose: an order with a new id that arrives while another runs is queued,
not refused, and `information` says so; `actionStates` also holds the last hundred ended actions of earlier
orders, so that a state that got lost costs nothing; actions may stand directly in the order, not only at its
nodes and edges.
"""
