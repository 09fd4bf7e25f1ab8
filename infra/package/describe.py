"""`chalice package` on a staging folder, run by the target interpreter: it decides the runtime that the template names.

``python3.13 -S -s -P describe.py STAGING STAGE ZIP OUT MERGE``, with Chalice and the package's libraries on PYTHONPATH.
Stands alone: nothing of ours but the application in the staging folder is imported.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from chalice import Chalice
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy.packager import LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

GREEDY = ("/", "/{proxy+}")
ANY = "X-AMAZON-APIGATEWAY-ANY-METHOD"


class Factory(CLIFactory):  # type: ignore[misc]  # chalice is untyped
    """Chalice's factory, which hands out the application with two routes: the contracts need more than the gateway allows."""

    def load_chalice_app(self, *arguments: Any, **options: Any) -> Chalice:
        """The application of the staging folder, as the gateway is to see it."""
        app = super().load_chalice_app(*arguments, **options)
        module = sys.modules["app"]
        for function in app.pure_lambda_functions:
            # Chalice names a handler after the function that was wrapped; app.py binds the result to the name we gave.
            if not callable(getattr(module, function.name, None)):
                raise SystemExit(f"app.py has no {function.name}, but declares a function of this name")
            function.handler_string = f"app.{function.name}"
        app.routes = _greedy(app.app_name)
        return app


def _greedy(name: str) -> Any:
    described = Chalice(name)
    for path in GREEDY:
        described.route(path, methods=[ANY], content_types=[])(_route)
    return described.routes


def _route() -> None:
    """Any method of any path"""  # the gateway shows this line


def package(staging: Path, stage: str, zip_file: Path, out: Path, merge: Path) -> None:
    """Writes ``sam.json`` and ``deployment.zip`` to `out`."""
    factory = Factory(str(staging))
    config = factory.create_config_obj(stage)
    _offer(zip_file, staging, config)
    options = factory.create_package_options()
    factory.create_app_packager(config, options, "cloudformation", "json", str(merge)).package_app(
        config, str(out), stage
    )


def _offer(zip_file: Path, staging: Path, config: Config) -> None:
    """Puts our zip where Chalice looks for one it made before: its own has no bytecode of its own, and today's times."""
    packager = LambdaDeploymentPackager(OSUtils(), None, UI())
    name = Path(packager.deployment_package_filename(str(staging), config.lambda_python_version))
    name.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(zip_file, name)


if __name__ == "__main__":
    given = sys.argv
    package(Path(given[1]), given[2], Path(given[3]), Path(given[4]), Path(given[5]))
