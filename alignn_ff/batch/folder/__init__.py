"""The folder of a batch: what it is, the records of its shards, how far it is, one file of all."""
