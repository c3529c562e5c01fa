"""Each property is a function of Python, with its own signature and text."""

import inspect

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff import properties
from alignn_ff.errors import ConfigError
from alignn_ff.properties import PROPERTIES, compute, elastic, eos
from alignn_ff.properties.elasticity import ElasticResult
from alignn_ff.properties.result import PropertyResult


def copper() -> Atoms:
    atoms = bulk("Cu")
    atoms.calc = EMT()
    return atoms


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_has_a_function_that_shows_its_structures_fields_and_result(name: str) -> None:
    row = PROPERTIES[name]
    function = getattr(properties, name.replace("-", "_"))
    assert function.__name__ in properties.__all__
    shown = inspect.signature(function)
    structures = [one for one in shown.parameters.values() if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert len(structures) == len(row.inputs)
    schema = row.config()
    for field, info in schema.model_fields.items():
        default = shown.parameters[field].default
        assert (default is inspect.Parameter.empty) if info.is_required() else (default == info.get_default())
        assert f"{field}: {info.description}" in function.__doc__
    assert {"config", "calculator", "notify"} == set(shown.parameters) - set(schema.model_fields) - {
        one.name for one in structures
    }
    assert issubclass(shown.return_annotation, PropertyResult)


def test_a_function_gives_what_compute_gives() -> None:
    by_function, by_name = eos(copper(), points=7), compute("eos", copper(), points=7)
    assert by_function.summary == by_name.summary
    assert eos(atoms=copper(), points=7).summary == by_name.summary
    assert isinstance(elastic(copper(), config={"strain": 0.004}), ElasticResult)


def test_structures_are_given_in_order_or_by_name() -> None:
    start = copper().repeat(2)
    start.calc = EMT()
    with pytest.raises(ConfigError, match="neb takes 2 structure"):
        properties.neb(start)
    with pytest.raises(ConfigError, match="start is not a setting"):
        properties.neb(start, start=start, end=start)


def test_a_field_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'points'"):
        eos(copper(), point=7)
