"""What `--config-env dev` and `--config-env prod` choose is what the template offers."""

import tomllib
from typing import Any

import pytest

from tests.template.expanded import ROOT


def chosen(environment: str) -> dict[str, str]:
    """The template parameters of an environment."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    overrides = config[environment]["global"]["parameters"]["parameter_overrides"]
    return dict(one.split("=", 1) for one in overrides)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_chooses_among_the_templates_parameters(source: dict[str, Any], environment: str) -> None:
    for name, value in chosen(environment).items():
        allowed = source["Parameters"][name].get("AllowedValues")
        assert allowed is None or value in [str(one) for one in allowed], name


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_says_its_architecture_once_for_build_and_deployment(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert "Architecture" in chosen(environment)
    for command in ("build", "deploy"):
        assert "parameter_overrides" not in config[environment].get(command, {}).get("parameters", {})


def test_production_publishes_outcomes_and_keeps_for_longer_than_development() -> None:
    dev, prod = chosen("dev"), chosen("prod")
    assert prod["BusEvents"] == "outcomes"
    assert int(prod["RetentionDays"]) > int(dev["RetentionDays"])
    assert int(prod["LogRetentionDays"]) > int(dev["LogRetentionDays"])
