"""Training of a committee: its members one after another on the same graphs, then one model file of all of them.

In: a config with ``ensemble`` above 1. Out: a folder per member, as of any training, and the files of their mean. A
run that was stopped is resumed in the member that it had reached; members that were complete stay as they are.
"""

import logging
from pathlib import Path

from alignn_ff.errors import TrainingError
from alignn_ff.io import write_json
from alignn_ff.predictor import load_predictor
from alignn_ff.train.artifacts import BEST_MODEL, IDENTIFIERS, remove_old_run, write_predictions
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.evaluation import Evaluator
from alignn_ff.train.loop.state import STATE_FILE
from alignn_ff.train.metrics import summarise
from alignn_ff.train.records.split import Split, split_records
from alignn_ff.train.resolution import ResolvedConfig, changed
from alignn_ff.train.run_data import RunData, with_split
from alignn_ff.train.session import Manner, TrainingResult, train_model
from alignn_ff.train.start.model import member_of
from alignn_ff.train.uncertainty.joining import join_models

log = logging.getLogger(__name__)

SUMMARY = "committee.json"


def member_folders(config: TrainingConfig) -> list[Path]:
    """Folder of each member; empty for one model."""
    numbers = range(1, config.ensemble + 1) if config.ensemble > 1 else ()
    return [Path(config.output_dir) / f"member-{number}" for number in numbers]


def begun(folder: Path) -> bool:
    """Whether a folder holds the state of a run, of one model or of a committee."""
    return (folder / STATE_FILE).exists() or (folder / "member-1" / STATE_FILE).exists()


def check_committee_folder(config: TrainingConfig, *, overwrite: bool) -> None:
    """Refuse to mix a committee with a run of one model.

    Raises:
        TrainingError: the folder holds the other kind of run.
    """
    folder = Path(config.output_dir)
    other = folder / STATE_FILE if config.ensemble > 1 else folder / "member-1" / STATE_FILE
    if other.exists() and not overwrite:
        here, there = ("one model", "a committee") if config.ensemble > 1 else ("a committee", "one model")
        raise TrainingError(
            f"{folder.resolve()} holds a training of {here}, and this is one of {there}; give another output_dir, or "
            "--overwrite to start anew"
        )


def train_committee(resolved: ResolvedConfig, data: RunData, manner: Manner) -> TrainingResult | None:
    """Train all members, and write the file of the committee; None in all processes but the first."""
    config, ranks = resolved.config, manner.ranks
    folder, results = Path(config.output_dir), list[TrainingResult | None]()
    if ranks.rank == 0:
        if manner.overwrite and not manner.resume:
            remove_old_run(folder)
        write_json(folder / "config.json", config.model_dump(mode="json"))
    for place in range(config.ensemble):
        log.info("member %d of %d", place + 1, config.ensemble)
        member = _member(resolved, place)
        own = with_split(data, _split(config, data, place), resolved.recipe)
        has_state = (Path(member.config.output_dir) / STATE_FILE).exists()
        results.append(train_model(member, own, manner._replace(resume=manner.resume and (has_state or place == 0))))
    members = tuple(result for result in results if result is not None)
    return _finish(config, data, manner, members) if ranks.rank == 0 else None


def _member(resolved: ResolvedConfig, place: int) -> ResolvedConfig:
    """The config of one member: its seed and its folder; and where it starts."""
    config = resolved.config
    fields = {
        "ensemble": 1,
        "random_seed": config.random_seed + place,
        "output_dir": str(member_folders(config)[place]),
    }
    start = None if resolved.start is None else member_of(resolved.start, place)
    return resolved._replace(config=changed(config, **fields), start=start)


def _split(config: TrainingConfig, data: RunData, place: int) -> Split:
    """The split of a member: that of the run, or with folds one more fold held out, another one for each member."""
    choice = config.cross_validation
    if choice is None:
        return data.split
    fold = (choice.fold + 1 + place % (choice.n_folds - 1)) % choice.n_folds
    own = split_records(data.records, changed(config, cross_validation={**choice.model_dump(), "fold": fold}))
    unseen = set(data.split.val)
    return Split(tuple(i for i in own.train if i not in unseen), own.val, data.split.val)


def _finish(
    config: TrainingConfig, data: RunData, manner: Manner, members: tuple[TrainingResult, ...]
) -> TrainingResult:
    """Write the committee, and the metrics of its mean as read back from the file."""
    folder = Path(config.output_dir)
    shared = data.split if config.cross_validation is None else Split((), (), data.split.val)
    held_out = list(data.chosen(shared.val or shared.test))
    best = folder / BEST_MODEL
    header = join_models([member.model_file for member in members], best, held_out, device=manner.device)
    evaluator = Evaluator(load_predictor(best, device=str(manner.device), dtype=config.dtype))
    chosen = {name: data.chosen(indices) for name, indices in shared._asdict().items() if indices}
    comparisons = {name: evaluator.compare(records) for name, records in chosen.items()}
    metrics = {name: summarise(items) for name, items in comparisons.items()}
    write_json(folder / IDENTIFIERS, data._replace(split=shared).identifiers())
    write_json(folder / "metrics.json", dict(metrics))
    uncertainty = header.uncertainty.model_dump(mode="json")
    write_json(folder / SUMMARY, {"members": [_row(m) for m in members], "mean": metrics, "uncertainty": uncertainty})
    if config.write_predictions:
        write_predictions(folder, comparisons)
    return TrainingResult(folder, best, members[0].best_epoch, members[0].history, metrics, comparisons, members)


def _row(member: TrainingResult) -> dict[str, object]:
    """A member in the summary."""
    return {"folder": member.folder.name, "best_epoch": member.best_epoch, "metrics": member.metrics}
