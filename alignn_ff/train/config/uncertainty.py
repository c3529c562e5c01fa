"""Config fields of uncertainties: committees, what a single model tells of its last layer, bounds of its energies."""

from pydantic import Field

from alignn_ff.train.config.sections import Section


class UncertaintyFields(Section):
    """Uncertainty."""

    ensemble: int = Field(
        1,
        ge=1,
        description="number of models that are trained as a committee, whose differences are the uncertainty: from the "
        "seeds random_seed, random_seed + 1, …; with cross_validation each validates on another fold, and none is "
        "trained on that of the config (ours)",
    )
    last_layer_uncertainty: bool = Field(
        True,
        description="measure at the end what the training data tell of the last layer, which gives energies, and where "
        "it is asked for forces and stress, a standard deviation; needs a validation set (ours)",
    )
    bound_energies: bool = Field(
        True,
        description="alignn_smooth: measure at the end what the network adds to the energies of atoms in the training "
        "data; well beyond that, where no data are, these energies level off (ours)",
    )
