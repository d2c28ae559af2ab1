"""`template.yaml` read as CloudFormation and SAM would read it, into a typed model."""
