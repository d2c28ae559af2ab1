"""The whole MINOOTS stack in one process, on moto, played from `template.yaml`."""
