"""From data to a trainer: constants measured on the training set, and the model before the first step."""

import datetime as dt
import logging
import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

import alignn_ff
from alignn_ff.checkpoint import Header, Provenance
from alignn_ff.elements import indistinguishable_elements
from alignn_ff.execution.backends import BackendName, why_not
from alignn_ff.loading import DTYPES, cast_network
from alignn_ff.models import EnergyModel, PropertyModel, build_model
from alignn_ff.train.cache import remembered_summary, summary_name
from alignn_ff.train.checks import check_labels, label_advice, warn_of_equal_neighbours
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.config.advice import bond_advice, schedule_advice
from alignn_ff.train.datasets import load_records
from alignn_ff.train.distributed.message import Message
from alignn_ff.train.distributed.process_group import synchronise_norms
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.floor.law import EnergyFloor, measure_floor
from alignn_ff.train.floor.pool import floor_prior
from alignn_ff.train.kernels import training_kernels
from alignn_ff.train.loop.freezing import freeze
from alignn_ff.train.loop.state import TrainingState
from alignn_ff.train.loss.loss import build_measure
from alignn_ff.train.many_energies import energies_of
from alignn_ff.train.notices import told
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.element_energies import fit_robustly_per_element, spread_over_elements
from alignn_ff.train.records.properties import target_scaling
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import (
    LabelScales,
    TrainingSetSummary,
    elements_of,
    label_scales,
    measure_statistics,
    summarise_training_set,
    training_domain,
)
from alignn_ff.train.resolution import ResolvedConfig, changed
from alignn_ff.train.run_data import RunData, named_samples
from alignn_ff.train.start.finetuning import (
    adopt_weights,
    all_elements,
    inherited_statistics,
    merged_domain,
    rebased,
    with_given_references,
)
from alignn_ff.train.start.model import Start
from alignn_ff.train.trainer.trainer import Trainer

log = logging.getLogger(__name__)

MOST_COMPARED, COMPARED_PER_ELEMENT = 20_000, 50
"""Structures of the training set, and those of each element, on which a start model is compared with its energies."""


class PreparedRun(NamedTuple):
    """Everything that the epochs need.

    Attributes:
        trainer: with model and samples.
        header: of the model files.
        ranks: processes.
        replay: records that the start model was trained on, on the new level of theory.
    """

    trainer: Trainer
    header: Header
    ranks: Ranks
    replay: list[Record]


def prepare_run(
    resolved: ResolvedConfig,
    data: RunData,
    device: torch.device,
    ranks: Ranks,
    stopped: TrainingState | None = None,
) -> PreparedRun:
    """Statistics, model and trainer.

    Args:
        resolved: config of the run, and the model that it starts from.
        data: of the run.
        device: of this process.
        ranks: processes of the run.
        stopped: state of the run that is resumed.

    Raises:
        ConfigError, DataError: config, data and start do not fit each other.
    """
    config, start = resolved.config, resolved.start
    past = _past_records(config)
    measured = ranks.from_first("statistics", Measured, lambda: _measure(resolved, data, past, device))
    header = measured.header
    if stopped is not None:
        statistics = header.statistics._replace(repulsion_ends=stopped.repulsion_ends)
        header = header.model_copy(update={"statistics": statistics})
    model = _first_model(config, header, start, log_new=ranks.rank == 0).to(device)
    if config.freeze:
        log.info("%d numbers are frozen", freeze(model, config.freeze))
    synchronise_norms(model, ranks)
    replay = rebased(past, start.header, header) if start is not None else []
    trainer = Trainer(
        config,
        model,
        training=data.training,
        validation=data.validation,
        replay=named_samples(replay, header.graph, data.shapes),
        measure=build_measure(config, measured.scales, measured.spreads),
        device=device,
        ranks=ranks,
        floor=None if measured.floor is None else floor_prior(config, measured.floor, model, header.graph, data.shapes),
    )
    if ranks.rank == 0 and stopped is None:
        n_training = len(data.training) + trainer.batches.n_replayed
        for sentence in schedule_advice(
            config, n_steps=trainer.steps.n_scheduled, n_warmup=trainer.steps.n_warmup, n_training=n_training
        ):
            log.warning(sentence)
    log.info("%d parameters, %d structures", sum(p.numel() for p in model.parameters()), len(data.training))
    return PreparedRun(trainer, header, ranks, replay)


class Measured(Message):
    """What the first process measures and sends to the others.

    Attributes:
        header: of the model files.
        scales: RMS of energies, forces and stresses on the training set.
        spreads: of the other kinds of label.
        floor: of the energies, where the config asks for it.
    """

    header: Header
    scales: LabelScales
    spreads: dict[str, float]
    floor: EnergyFloor | None = None


def _measure(resolved: ResolvedConfig, data: RunData, past: Sequence[Record], device: torch.device) -> Measured:
    config, start = resolved.config, resolved.start
    drop = config.start_elements == "drop"
    elements = all_elements(tuple(sorted({*data.elements, *elements_of(past)})), start, drop=drop)
    warn_of_equal_elements(config, data.elements)
    found = _summary(data, elements)
    check_labels(config, found, data.shapes)
    for sentence in label_advice(config, found):
        log.warning(sentence)
    warn_of_equal_neighbours(config.model, found)
    statistics = measure_statistics(
        found, reference_energies=config.reference_energies if start is None else "least_squares"
    )
    if config.standard_scalar_and_pca and config.model.kind == "property":
        scaling = target_scaling(found.properties.get("target"))
        statistics = statistics._replace(output_mean=scaling.mean, output_axes=scaling.axes)
    for sentence in bond_advice(config, found.environments.shortest):
        log.warning(sentence)
    header = Header(
        model=config.model,
        graph=resolved.recipe,
        elements=elements,
        statistics=statistics,
        provenance=_provenance(config, data),
    )
    if start is not None:
        header = _after_start(config, header, start, found, data.training, device)
    domain = training_domain(found, header.statistics.reference_energies)
    if start is not None and not drop:
        domain = merged_domain(start.header.domain, domain)
    header = header.model_copy(update={"domain": domain})
    scales = label_scales(found, header.statistics.reference_energies)
    spreads = {kind: moments.spread for kind, moments in found.properties.items()}
    floor = None
    if config.has_floor:
        floor = measure_floor(found, header.statistics.reference_energies)
    return Measured(header=header, scales=scales, spreads=spreads, floor=floor)


def _summary(data: RunData, elements: tuple[int, ...]) -> TrainingSetSummary:
    """The summary of the training set, from the cache if an earlier run has left it there."""

    def summarise() -> TrainingSetSummary:
        pairs = zip(data.chosen(data.split.train), data.training, strict=True)
        notify = partial(log.info, "training set: %d structures read")
        return summarise_training_set(told(pairs, notify), elements)

    if data.cache is None:
        return summarise()
    name = summary_name(data.cache_digest, data.split.train, elements)
    return remembered_summary(data.cache.folder / name, summarise)


def _provenance(config: TrainingConfig, data: RunData) -> Provenance:
    return Provenance(
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        alignn_ff_version=alignn_ff.__version__,
        torch_version=str(torch.__version__),
        training_config=config.model_dump(mode="json", exclude={"output_dir", "data"}),
        data_sha256=data.data_digest,
    )


def _after_start(
    config: TrainingConfig,
    header: Header,
    start: Start,
    found: TrainingSetSummary,
    training: Sequence[Sample],
    device: torch.device,
) -> Header:
    """The header of a run that starts from a model: its constants, and reference energies for the new data.

    The references move by what the model's energies are off on the training set (on a part of a large one), fitted to
    each element with the smallest change; so what the network has learned of bonds stays, and the level of theory may
    be another.
    """
    statistics = inherited_statistics(start, header.elements, header.statistics)
    origin = {"model": start.name, "provenance": start.header.provenance.model_dump(mode="json")}
    header = header.model_copy(
        update={
            "statistics": statistics,
            "provenance": header.provenance.model_copy(update={"started_from": origin}),
        }
    )
    if config.model.kind == "property":
        return header
    if isinstance(config.reference_energies, dict):
        return header.model_copy(update={"statistics": with_given_references(header, config.reference_energies, found)})
    model = _first_model(config, header, start, log_new=False).to(device).eval()
    assert isinstance(model, EnergyModel)
    kernels = training_kernels(config, n_steps=math.ceil(len(training) / config.batch_size), device=device)
    native = kernels.compiled is not None and why_not("native", config.model.name, model) is None
    chosen = spread_over_elements(found.composition, found.energies, most=MOST_COMPARED, each=COMPARED_PER_ELEMENT)
    composition, energies = found.composition[chosen], found.energies[chosen]
    backend: BackendName = "native" if native else "eager"
    samples = told((training[k] for k in chosen.tolist()), partial(log.info, "energies of the start: %d structures"))
    predicted = energies_of(model, config.model.name, samples, config.batch_size, backend=backend).numpy()
    shift = fit_robustly_per_element(composition, energies - predicted)
    references = (np.asarray(statistics.reference_energies) + shift).tolist()
    return header.model_copy(update={"statistics": statistics._replace(reference_energies=tuple(references))})


def _first_model(
    config: TrainingConfig, header: Header, start: Start | None, *, log_new: bool
) -> EnergyModel | PropertyModel:
    """The model before the first step: seeded random weights, those of the start in their place."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.random_seed)
        model = build_model(header.model, header.graph, header.elements, header.statistics)
    cast_network(model, DTYPES[config.dtype])
    if start is not None:
        adopt_weights(model, start, log_new=log_new)
    return model


def _past_records(config: TrainingConfig) -> list[Record]:
    """Records to replay; read as the data of the run are."""
    if config.replay_data is None:
        return []
    return load_records(changed(config, data=config.replay_data, dataset="user_data"))


def warn_of_equal_elements(config: TrainingConfig, elements: tuple[int, ...]) -> None:
    """Warn of elements of the data that have the same features."""
    scheme = config.model.outputs.element_features
    if scheme is None:
        return
    for group in indistinguishable_elements(scheme, elements):
        log.warning(
            "atom_features %r are the same for %s: the model gives these elements the same energy and forces",
            scheme,
            " and ".join(group),
        )
