"""The replay lab and the explainer over an open hub: for the command line and the API alike."""

import core_crm
from hub.api.explain import Explainer
from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.main import Hub


def lab_of(opened: Hub) -> Lab:
    """The replay lab over what is loaded now."""
    planner = Planner(opened.registry.actions, opened.running.plan)
    return Lab(opened.database, planner, opened.running.mapping)


def explainer_of(opened: Hub) -> Explainer:
    """Explains values by what is loaded now."""
    inputs = {name: action.input for name, action in opened.registry.actions.items()}
    return Explainer(opened.database, core_crm.home, inputs, lambda: opened.catalogue.mappings)
