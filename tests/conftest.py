from __future__ import annotations

from hypothesis import HealthCheck, settings

# A loaded machine must not turn a slow example into a failure; what must be fast is measured in bench/.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
