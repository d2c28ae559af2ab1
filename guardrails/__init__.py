"""The project's own cfn-lint rules: what a template of ours must not forget.

`cfn-lint --append-rules guardrails template.yaml` runs them, as `make check` does. cfn-lint does not expand SAM's
resources, so the rules know both what SAM writes and what CloudFormation does. Their ids are in the range that cfn-lint
leaves to its users, E9000 and up.
"""
