"""Config fields of the files: names and places of the files that a run writes."""

from pydantic import Field

from alignn_ff.train.config.sections import Section


class OutputFields(Section):
    """Logging and outputs."""

    output_dir: str = Field(".", description="where models, logs and predictions are written")
    write_checkpoint: bool = Field(True, description="save current_model.pt and the state that --resume needs")
    checkpoint_minutes: float = Field(5.0, gt=0, description="longest time between two training states (ours)")
    resume_checkpoint: bool = Field(
        False, description="resume where output_dir holds a stopped run of this config, else start (published code)"
    )
    write_predictions: bool = Field(True, description="write predictions, metrics and plots at the end")
    store_outputs: bool = Field(True, description="keep the targets and predictions of validation beside the history")
    progress: bool = Field(True, description="show a progress bar")
    log_tensorboard: bool = Field(False, description="write a TensorBoard run too")
    version: str | None = Field(
        None, description="accepted, not used: version of the package that a config was written for (published code)"
    )
