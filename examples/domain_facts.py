"""Add what the training data held to a model file of an older version: ``python examples/domain_facts.py MODEL DATA``.

Since format 4, a model file holds volumes, pairs of elements, lone atoms and dimers of its training data
(docs/domain.md). For an older file they are measured here from the data that it was trained on, which is compared by
its hash. The weights stay the same bit for bit. The silicon model of 0.1.0 got its facts in this way from the
silicon frames of mlearn.
"""

import sys
from pathlib import Path

from alignn_ff import checkpoint
from alignn_ff.train.datasets import read_records
from alignn_ff.train.records.batches import build_sample
from alignn_ff.train.records.record import records_digest
from alignn_ff.train.records.statistics import summarise_training_set, training_domain


def main(model_file: Path, data_file: Path) -> None:
    """Measure the data, and write the model file again with a complete training domain."""
    header, state = checkpoint.read(model_file)
    records = read_records(data_file)
    digest = records_digest(records)
    if digest != header.provenance.data_sha256:
        sys.exit(f"{data_file} ({digest}) is not the data of {model_file} ({header.provenance.data_sha256})")
    samples = ((record, build_sample(record, header.graph)) for record in records)
    found = summarise_training_set(samples, header.elements)
    domain = training_domain(found, header.statistics.reference_energies)
    checkpoint.save(model_file, header.model_copy(update={"domain": domain}), state)
    print(domain.model_dump_json(indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
