"""MLflow's server, whose UI opens on the pages for model training: by default it opens on those for language models.

`mlflow server --app-name descent` finds it by its entry point. The UI keeps the choice between both in the browser's
local storage (MLflow 3.17); where there is none yet, the page sets it before the UI reads it.
"""

from flask import Response, request
from mlflow.server import app as pages
from mlflow.server.fastapi_app import app

__all__ = ["app"]

SCRIPT = """<script>
localStorage.getItem("mlflow.workflowType_v1") ?? localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
</script>"""


@pages.after_request
def choose_model_training(response: Response) -> Response:
    """Have the UI's page choose the pages for model training, unless its user has chosen."""
    if request.path == "/" and response.status_code == 200:
        response.direct_passthrough = False
        response.set_data(response.get_data(as_text=True).replace("<head>", f"<head>{SCRIPT}", 1))
    return response
