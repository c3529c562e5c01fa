"""Config fields of the machine: precision, workers, devices."""

from typing import Literal

from pydantic import Field

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
