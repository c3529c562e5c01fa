"""Config fields of the machine: precision, workers, devices."""

from typing import Literal, Self

from pydantic import Field, model_validator

from alignn_ff.train.config.sections import Section

ResidentWord = Literal["auto", "always", "never"]


class RuntimeFields(Section):
    """Runtime and distributed."""

    dtype: Literal["float32", "float64"] = Field(
        "float32", description="precision of the network, and of the weights in its model file"
    )
    kernels: Literal["auto", "native", "torch", "scatter", "triton"] = Field(
        "auto",
        description="on the CPU: compiled ones for all but short runs (auto), always (native), or never (torch); "
        "scatter: sums by torch-scatter, on any device; triton: alignn_smooth on CUDA by Triton kernels (ours)",
    )
    use_amp: bool = Field(False, description="bf16 for the matrices of the network on CUDA (published code)")
    deterministic: bool = Field(
        False, description="refuse algorithms that sum in a random order, at some cost (published code)"
    )
    num_workers: int = Field(
        4, ge=0, description="threads that make batches ahead, processes that build graphs; 0: none"
    )
    pin_memory: bool = Field(False, description="pinned host memory, for faster copies to a GPU")
    resident_data: ResidentWord = Field(
        "auto",
        description="samples stay on the device, where batches are cut out of them: on a GPU where they take at most a "
        "quarter of its free memory (auto), always, or never; the batches are the same (ours)",
    )
    record_steps: bool = Field(
        False,
        description="on a GPU the operations of a step are recorded once for each size of batch and replayed (a CUDA "
        "graph); samples stay on the device, batches are padded, results agree to rounding (ours)",
    )
    gpu_memory_fraction: float | None = Field(
        None, gt=0, le=1, description="largest part of the GPU's memory that is used (published code)"
    )
    distributed: bool = Field(
        False, description="several processes, started by torchrun, share each batch of batch_size structures"
    )
    ddp_find_unused_parameters: bool = Field(
        False, description="accepted, not used: no weight needs to have a gradient (published code)"
    )
    data_parallel: bool = Field(False, description="accepted, not used: use torchrun instead")

    @model_validator(mode="after")
    def _recorded_steps_find_their_data(self) -> Self:
        if self.record_steps and self.resident_data == "never":
            raise ValueError(
                "record_steps is true, but resident_data is 'never': a recorded step cuts its batch out of samples on "
                "the device; leave one of them out"
            )
        if self.record_steps and self.distributed:
            raise ValueError(
                "record_steps is true, but distributed too: steps that several processes share are not recorded; leave "
                "one of them out"
            )
        return self

    @property
    def stay(self) -> ResidentWord:
        """Which samples stay on the device: ``resident_data``, and always those of recorded steps."""
        return "always" if self.record_steps else self.resident_data
