"""Every way in which a pull goes, or fails, that the laboratory can show.

Rule: a scenario stands with the layer that it is about.
"""

from tests.diagnose.lab_scenarios_names import NAMES
from tests.diagnose.lab_scenarios_path import PATH
from tests.diagnose.lab_scenarios_registry import REGISTRY

SCENARIOS = NAMES | PATH | REGISTRY
"""By name."""
