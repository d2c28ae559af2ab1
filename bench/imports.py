"""How long a fresh process takes to import each function and to build it: most of a cold start that is ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from minoots_local.template.model import Template
from minoots_local.template.reader import find_template, read_template

BASELINE = "boto3 and one client"
_TIMED = """
import os, time
started = time.perf_counter()
{first}
imported = time.perf_counter()
{second}
print((imported - started) * 1000, (time.perf_counter() - imported) * 1000)
"""
_BASELINE = _TIMED.format(first="import boto3", second="boto3.client('dynamodb', region_name='us-east-1')")


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of the import and of the build (the clients, the routes), each in a process of its own."""
    template = read_template(find_template(None, Path.cwd()), {})
    programs: dict[str, tuple[str, dict[str, str]]] = {BASELINE: (_BASELINE, {})}
    for function in template.of_type("AWS::Serverless::Function"):
        module = str(function.properties["Handler"]).rsplit(".", 1)[0]
        program = _TIMED.format(first=f"from {module} import build", second="build(os.environ)")
        programs[module.split(".")[1]] = (program, _settings(template, function.logical_id))
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for round_ in range(repeats + 1):
        for name, (program, settings) in programs.items():  # in turn: a busy minute is shared by all
            sample = _run(program, settings)
            if round_:  # the first fills the cache of compiled modules, as a build's artefacts have it filled
                samples[name].append(sample)
    return {
        name: {
            "import_ms": round(median(first for first, _ in taken), 1),
            "build_ms": round(median(second for _, second in taken), 1),
        }
        for name, taken in samples.items()
    }


def _settings(template: Template, logical_id: str) -> dict[str, str]:
    variables = template.resources[logical_id].properties.get("Environment", {}).get("Variables", {})
    # As on AWS: the emulated stack's own logs and metrics are quiet, these are not.
    return {**{name: str(value) for name, value in variables.items()}, "MINOOTS_ENVIRONMENT": "aws"}


def _run(program: str, settings: dict[str, str]) -> tuple[float, float]:
    env = {**os.environ, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", **settings}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a function cannot be built:\n{done.stderr[-2000:]}")
    first, second = done.stdout.split()[-2:]
    return float(first), float(second)
