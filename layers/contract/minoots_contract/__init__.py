"""The wire of MINOOTS: models of requests, replies, events and problems, and the texts they are made of."""
