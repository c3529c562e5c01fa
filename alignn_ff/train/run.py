"""One training run from config to files: data → statistics → loop → best model → metrics.

Everything lands in ``output_dir``:

- ``config.json``: the resolved config, written first
- ``ids_train_val_test.json``: which record went where
- ``<filename>_graphs``: the graph cache, with ``use_lmdb``
- ``dataloader.json``: ids of each split and digest of the cache, with ``save_dataloader``
- ``history.json``: one row an epoch
- ``current_model.pt``, ``best_model.pt``: model files of the averaged weights
- ``training_state.pt``: what ``--resume`` starts from
- ``metrics.json``, ``predictions.json``: of the best model, read back from its file
"""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

import alignn_ff
from alignn_ff.allocator import keep_freed_memory
from alignn_ff.checkpoint import Header, Provenance
from alignn_ff.elements import alike
from alignn_ff.errors import ConfigError, StorageError
from alignn_ff.io import write_json
from alignn_ff.log import get_logger
from alignn_ff.models import AlignnSmoothConfig, EnergyModel, build_model
from alignn_ff.potential import DTYPES, cast_network, load_potential, select_device
from alignn_ff.train.artifacts import (
    BEST_MODEL,
    CURRENT_MODEL,
    check_folder,
    identifiers,
    loader_description,
    prediction_rows,
    save_model,
)
from alignn_ff.train.cache import BuildStoppedError
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.data import RunData, Watcher, prepared_data
from alignn_ff.train.interrupt import TrainingInterruptedError, stop_on_signals
from alignn_ff.train.loop import BuildObserver, Observer, Trainer
from alignn_ff.train.loss import Measure, loss_weights
from alignn_ff.train.metrics import Comparison, compare, summarise
from alignn_ff.train.ranks import LostRankError, Ranks, joined_ranks, synchronise_norms
from alignn_ff.train.records import read_records
from alignn_ff.train.state import STATE_FILE, Progress, check_fingerprint, load_state, save_state
from alignn_ff.train.statistics import (
    LabelScales,
    covered_elements,
    label_scales,
    measure_statistics,
    survey,
    training_domain,
)

log = get_logger("train")

FREE_TO_CHANGE = frozenset(
    {
        "data",
        "output_dir",
        "progress",
        "checkpoint_minutes",
        "write_predictions",
        "use_lmdb",
        "read_existing",
        "filename",
        "save_dataloader",
        "num_workers",
        "pin_memory",
        "distributed",
        "data_parallel",
    }
)
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
) -> TrainingResult | None:
    """Train a model.

    Args:
        config: of the run.
        observer: is told of every step and epoch, in the first process of a run alone.
        data: extended XYZ file; takes the place of ``config.data``.
        device: "auto", "cpu", "cuda", …
        resume: go on where a stopped run of the same config and data left off.
        overwrite: start anew in a folder that holds a run.

    Returns:
        The result; None in all processes but the first, where torchrun started several.

    Raises:
        ConfigError, DataError, TrainingError: the run cannot start.
        StorageError: the disk is full; what was written before is whole.
        TrainingInterruptedError: it was stopped by a signal; its state is saved.
    """
    keep_freed_memory()
    folder = Path(config.output_dir)
    if config.data_parallel:
        log.warning("data_parallel: one process trains on one device; for several, %s", SEVERAL_PROCESSES)
    with joined_ranks(device, distributed=config.distributed) as (ranks, own_device):
        ranks.first_says("folder", lambda: _open_folder(config, resume=resume, overwrite=overwrite))
        with _gathered(config, data, ranks, observer) as gathered:
            run = _prepare(config, gathered, select_device(own_device), ranks)
            _train(config, run, gathered, observer=observer, resume=resume)
            return _evaluate(config, gathered, run.trainer, folder) if ranks.rank == 0 else None


@contextmanager
def _gathered(config: TrainingConfig, data: Path | None, ranks: Ranks, observer: Observer) -> Iterator[RunData]:
    with ExitStack() as stack:
        with stop_on_signals() as stop:
            watcher = Watcher(stop, observer.on_build if isinstance(observer, BuildObserver) else _unwatched)
            preparing = prepared_data(config, lambda: read_records(_data_file(config, data)), ranks, watcher)
            try:
                gathered = stack.enter_context(preparing)
            except BuildStoppedError as error:
                assert stop.signal is not None
                advice = "the same command goes on from there"
                raise TrainingInterruptedError(stop.signal, f"while graphs were built; {error}", advice) from error
        yield gathered


SEVERAL_PROCESSES = (
    "set distributed to true and start the run as torchrun --nproc-per-node N -m alignn_ff.train CONFIG.json"
)


class _Run(NamedTuple):
    trainer: Trainer
    header: Header
    ranks: Ranks


def _open_folder(config: TrainingConfig, *, resume: bool, overwrite: bool) -> str:
    folder = Path(config.output_dir)
    check_folder(folder, resume=resume, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _unwatched(done: int, total: int) -> None:
    log.info("graphs: %d of %d", done, total)


def _train(config: TrainingConfig, run: _Run, data: RunData, *, observer: Observer, resume: bool) -> None:
    """Go through the epochs, saving on the way.

    Raises:
        TrainingInterruptedError, StorageError, TrainingError: it ended early; the last state is on disk.
    """
    folder = Path(config.output_dir)
    leads = run.ranks.rank == 0
    fingerprint = _fingerprint(config, data.data_digest)
    if leads:
        write_json(folder / "config.json", config.model_dump(mode="json"))
        write_json(folder / "ids_train_val_test.json", identifiers(data.records, data.split))
        if config.save_dataloader:
            write_json(folder / "dataloader.json", loader_description(config, data))
    if resume:
        state = load_state(folder)
        check_fingerprint(state.fingerprint, fingerprint)
        run.trainer.restore(state)

    def save(trainer: Trainer, is_best: bool) -> None:
        state = trainer.state(fingerprint)
        if not leads:
            return
        write_json(folder / "history.json", {"rows": trainer.progress.history})
        if config.write_checkpoint:
            save_state(folder, state)
            if trainer.progress.batch == 0:
                save_model(folder / CURRENT_MODEL, run.header, trainer)
        if is_best or not (folder / BEST_MODEL).exists():
            save_model(folder / BEST_MODEL, run.header, trainer)

    try:
        with stop_on_signals() as stop:
            watching = observer if leads else _Nobody()
            run.trainer.run(observer=watching, save=save, stop=lambda: stop.shared(run.ranks))
    except (StorageError, LostRankError) as error:
        raise type(error)(f"{error}. {_kept(folder)}") from error
    if stop.signal is not None:
        raise TrainingInterruptedError(
            stop.signal,
            f"after {run.trainer.progress.epoch} epochs; everything is saved in {folder}",
            "the same command with --resume goes on from there",
        )


def _kept(folder: Path) -> str:
    if not (folder / STATE_FILE).exists():
        return "No state of this run had been saved yet: start it again"
    return f"The last saved state of the run is kept in {folder}, and the same command with --resume goes on from there"


class _Nobody:
    """An observer that looks away."""

    def on_step(self, progress: Progress, n_steps: int) -> None:
        """Do nothing."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """Do nothing."""


def _prepare(config: TrainingConfig, data: RunData, device: torch.device, ranks: Ranks) -> _Run:
    """Statistics, model and trainer."""
    header, scales = _measured(ranks.first_says("statistics", lambda: _measure(config, data)))
    model = cast_network(_seeded_model(config, header), DTYPES[config.dtype]).to(device)
    synchronise_norms(model, ranks)
    trainer = Trainer(
        config,
        model,
        training=data.training,
        validation=data.validation,
        measure=Measure(config.criterion, config.huber_delta, scales),
        device=device,
        ranks=ranks,
    )
    log.info("%d parameters, %d structures", sum(p.numel() for p in model.parameters()), len(data.training))
    return _Run(trainer, header, ranks)


def _measure(config: TrainingConfig, data: RunData) -> str:
    """Header and scales of the labels, as JSON."""
    elements = covered_elements(data.records)
    _mention_alike_elements(config, elements)
    found = survey(zip(data.chosen(data.split.train), data.training, strict=True), elements)
    statistics = measure_statistics(found, reference_energies=config.reference_energies)
    scales = label_scales(found, statistics.reference_energies)
    _check_labels(config, scales.forces, scales.stress)
    header = Header(
        model=config.model,
        graph=config.recipe,
        elements=elements,
        statistics=statistics,
        domain=training_domain(found),
        provenance=Provenance(
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            alignn_ff_version=alignn_ff.__version__,
            torch_version=str(torch.__version__),
            training_config=config.model_dump(mode="json", exclude={"output_dir", "data"}),
            data_sha256=data.data_digest,
        ),
    )
    return json.dumps({"header": header.model_dump(mode="json"), "scales": scales._asdict()})


def _measured(text: str) -> tuple[Header, LabelScales]:
    content = json.loads(text)
    return Header.model_validate(content["header"]), LabelScales(**content["scales"])


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


def _evaluate(config: TrainingConfig, data: RunData, trainer: Trainer, folder: Path) -> TrainingResult:
    """Metrics of the best model as read back from its file."""
    best = folder / BEST_MODEL
    potential = load_potential(best, device=str(trainer.device), dtype=config.dtype)
    chosen = {name: indices for name, indices in data.split._asdict().items() if indices}
    comparisons = {name: compare(potential, [data.records[i] for i in indices]) for name, indices in chosen.items()}
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


def _fingerprint(config: TrainingConfig, data_digest: str) -> dict[str, str]:
    fields = config.model_dump(mode="json", exclude=set(FREE_TO_CHANGE))
    return {**{name: json.dumps(value) for name, value in fields.items()}, "data": data_digest}
