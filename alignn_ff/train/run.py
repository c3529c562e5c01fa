"""One training run from config to files: data → statistics → loop → best model → metrics.

Everything lands in ``output_dir``:

- ``config.json``: the resolved config, written first
- ``ids_train_val_test.json``: which record went where
- ``history.json``: one row an epoch
- ``current_model.pt``, ``best_model.pt``: model files of the averaged weights
- ``training_state.pt``: what ``--resume`` starts from
- ``metrics.json``, ``predictions.json``: of the best model, read back from its file
"""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

import alignn_ff
from alignn_ff.allocator import keep_freed_memory
from alignn_ff.checkpoint import Header, Provenance
from alignn_ff.elements import alike
from alignn_ff.errors import ConfigError
from alignn_ff.io import write_json
from alignn_ff.log import get_logger
from alignn_ff.models import AlignnSmoothConfig, EnergyModel, build_model
from alignn_ff.native import using
from alignn_ff.potential import DTYPES, cast_network, load_potential, select_device
from alignn_ff.train.artifacts import (
    BEST_MODEL,
    CURRENT_MODEL,
    check_folder,
    identifiers,
    prediction_rows,
    save_model,
)
from alignn_ff.train.batches import build_sample, edge_lengths
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.interrupt import TrainingInterruptedError, stop_on_signals
from alignn_ff.train.kernels import training_kernels
from alignn_ff.train.loop import Observer, Trainer
from alignn_ff.train.loss import Measure, loss_weights
from alignn_ff.train.metrics import Comparison, compare, summarise
from alignn_ff.train.records import Record, read_records, records_digest
from alignn_ff.train.split import Split, split_records
from alignn_ff.train.state import check_fingerprint, load_state, save_state
from alignn_ff.train.statistics import (
    covered_elements,
    label_scales,
    measure_statistics,
    training_domain,
)

log = get_logger("train")

FREE_TO_CHANGE = frozenset({"data", "output_dir", "progress", "checkpoint_minutes", "write_predictions"})
"""Fields that a resumed run may change."""


class TrainingResult(NamedTuple):
    """What a finished run gives.

    Attributes:
        folder: where everything lies.
        model_file: the best model.
        best_epoch: the epoch that it comes from.
        history: one row an epoch.
        metrics: split → group → named error.
        comparisons: split → labels beside predictions.
    """

    folder: Path
    model_file: Path
    best_epoch: int
    history: list[dict[str, float]]
    metrics: dict[str, dict[str, dict[str, float]]]
    comparisons: dict[str, list[Comparison]]


def train(
    config: TrainingConfig,
    *,
    observer: Observer,
    data: Path | None = None,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
) -> TrainingResult:
    """Train a model.

    Args:
        config: of the run.
        observer: is told of every step and epoch.
        data: extended XYZ file; takes the place of ``config.data``.
        device: "auto", "cpu", "cuda", …
        resume: go on where a stopped run of the same config and data left off.
        overwrite: start anew in a folder that holds a run.

    Raises:
        ConfigError, DataError, TrainingError: the run cannot start.
        TrainingInterruptedError: it was stopped by a signal; its state is saved.
    """
    keep_freed_memory()
    folder = Path(config.output_dir)
    check_folder(folder, resume=resume, overwrite=overwrite)
    records = read_records(_data_file(config, data))
    split = split_records(records, config)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_json(folder / "ids_train_val_test.json", identifiers(records, split))

    run = _prepare(config, records, split, select_device(device))
    fingerprint = _fingerprint(config, records)
    if resume:
        state = load_state(folder)
        check_fingerprint(state.fingerprint, fingerprint)
        run.trainer.restore(state)

    def save(trainer: Trainer, is_best: bool) -> None:
        write_json(folder / "history.json", {"rows": trainer.progress.history})
        if config.write_checkpoint:
            save_state(folder, trainer.state(fingerprint))
            if trainer.progress.batch == 0:
                save_model(folder / CURRENT_MODEL, run.header, trainer)
        if is_best or not (folder / BEST_MODEL).exists():
            save_model(folder / BEST_MODEL, run.header, trainer)

    kernels = training_kernels(config, n_steps=run.trainer.n_steps, device=run.trainer.device)
    log.info("kernels: %s", "torch" if kernels is None else kernels.path)
    with stop_on_signals() as stop, using(kernels):
        run.trainer.run(observer=observer, save=save, stop=stop)
    if stop.signal is not None:
        raise TrainingInterruptedError(stop.signal, run.trainer.progress.epoch, folder)
    return _evaluate(config, records, split, run.trainer, folder)


class _Run(NamedTuple):
    trainer: Trainer
    header: Header


def _prepare(config: TrainingConfig, records: Sequence[Record], split: Split, device: torch.device) -> _Run:
    """Graphs, statistics, model and trainer."""
    training = [records[i] for i in split.train]
    samples = {i: build_sample(records[i], config.recipe) for i in (*split.train, *split.val)}
    elements = covered_elements(records)
    _mention_alike_elements(config, elements)
    graphs = [samples[i].graph for i in split.train]
    statistics = measure_statistics(training, graphs, elements, reference_energies=config.reference_energies)
    scales = label_scales(training, statistics.reference_energies, elements)
    _check_labels(config, scales.forces, scales.stress)
    header = Header(
        model=config.model,
        graph=config.recipe,
        elements=elements,
        statistics=statistics,
        domain=training_domain(training, graphs, [edge_lengths(samples[i]) for i in split.train]),
        provenance=Provenance(
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            alignn_ff_version=alignn_ff.__version__,
            torch_version=str(torch.__version__),
            training_config=config.model_dump(mode="json", exclude={"output_dir", "data"}),
            data_sha256=records_digest(records),
        ),
    )
    trainer = Trainer(
        config,
        cast_network(_seeded_model(config, header), DTYPES[config.dtype]).to(device),
        training=[samples[i] for i in split.train],
        validation=[samples[i] for i in split.val],
        measure=Measure(config.criterion, config.huber_delta, scales),
        device=device,
    )
    log.info("%d parameters, %d structures", sum(p.numel() for p in trainer.model.parameters()), len(training))
    return _Run(trainer, header)


def _seeded_model(config: TrainingConfig, header: Header) -> EnergyModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.random_seed)
        model = build_model(header.model, header.graph, header.elements, header.statistics)
    if not isinstance(model, EnergyModel):
        raise ConfigError(
            f"this {config.model.name} is a property model, and only force fields can be trained so far; for a force "
            "field take one output with link identity, energy_mult_natoms and gradwise_weight > 0"
        )
    return model


def _mention_alike_elements(config: TrainingConfig, elements: tuple[int, ...]) -> None:
    if isinstance(config.model, AlignnSmoothConfig):
        return
    for group in alike(config.model.scheme, elements):
        log.warning(
            "atom_features %r cannot tell %s apart: the model gives them the same energy and forces",
            config.model.scheme,
            " and ".join(group),
        )


def _evaluate(
    config: TrainingConfig, records: Sequence[Record], split: Split, trainer: Trainer, folder: Path
) -> TrainingResult:
    """Metrics of the best model as read back from its file."""
    best = folder / BEST_MODEL
    potential = load_potential(best, device=str(trainer.device), dtype=config.dtype)
    chosen = {name: indices for name, indices in split._asdict().items() if indices}
    comparisons = {name: compare(potential, [records[i] for i in indices]) for name, indices in chosen.items()}
    metrics = {name: summarise(items) for name, items in comparisons.items()}
    write_json(folder / "metrics.json", {"best_epoch": trainer.progress.best_epoch, **metrics})
    if config.write_predictions:
        write_json(folder / "predictions.json", {name: prediction_rows(items) for name, items in comparisons.items()})
    return TrainingResult(folder, best, trainer.progress.best_epoch, trainer.progress.history, metrics, comparisons)


def _data_file(config: TrainingConfig, data: Path | None) -> Path:
    if data is not None:
        return data
    if config.data is None:
        raise ConfigError('no training data: give --data FILE.extxyz, or "data" in the config')
    return Path(config.data)


def _check_labels(config: TrainingConfig, forces: float | None, stress: float | None) -> None:
    weights = loss_weights(config.model)
    for name, weight, scale in (
        ("gradwise_weight", weights.forces, forces),
        ("stresswise_weight", weights.stress, stress),
    ):
        if weight > 0 and scale is None:
            raise ConfigError(f"model.{name} is {weight}, but no training record has that label; set it to 0")


def _fingerprint(config: TrainingConfig, records: Sequence[Record]) -> dict[str, str]:
    fields = config.model_dump(mode="json", exclude=set(FREE_TO_CHANGE))
    return {**{name: json.dumps(value) for name, value in fields.items()}, "data": records_digest(records)}
